// One import is enough: what the front door speaks of comes with it.
@_exported public import FrameAllocator
@_exported public import Steering
@_exported public import Wire
@_exported public import XSK
