import CXDP
import Glibc
import MartletTestKit
import XSK

@testable import Steering

/// Runs a BPF program instruction by instruction, over the kernel's own maps, and counts them.
///
/// Exact where nanoseconds are not. The instructions are those that libbpf gave to the kernel,
/// before the kernel rewrote any. A helper counts as one, but for a look into an array: it counts
/// as the instructions that the kernel puts in its place.
@safe final class Interpreter {
  private let code: UnsafePointer<bpf_insn>
  /// Where the maps lie, by descriptor, and the size of an element.
  private var maps: [Int32: Map] = [:]
  /// The maps of interfaces, of which the kernel says what is in them.
  private var interfaceMaps: Set<Int32> = []
  private let packet: UnsafeMutableRawPointer
  private let length: Int
  private let interface: UInt32
  private(set) var executed = 0
  private let stack: UnsafeMutableRawPointer
  private struct Map {
    let base: UInt64
    let stride, count: Int
  }

  private static let context: UInt64 = 0xC0FF_EE00_0000
  /// Instructions of a look into an array (`array_map_gen_lookup` of kernel/bpf/arraymap.c).
  private static let lookup = 6

  init(_ program: borrowing SteeringProgram, _ packet: [UInt8], _ interface: Interface) throws {
    let engine = unsafe program.engine?.program().object
    let object = unsafe engine ?? program.object.object
    let name = unsafe engine == nil ? ProgramObject.programName : "martlet_rules"
    guard let named = unsafe bpf_object__find_program_by_name(object, name),
      let first = unsafe bpf_program__insns(named)
    else { throw TestKitError("no instructions") }
    unsafe code = first
    unsafe stack = .allocate(byteCount: 1 << 16, alignment: 16)
    length = packet.count
    self.interface = interface.index
    unsafe self.packet = .allocate(byteCount: packet.count, alignment: 16)
    unsafe self.packet.copyMemory(from: packet, byteCount: packet.count)
    var map = unsafe bpf_object__next_map(object, nil)
    while let found = unsafe map {
      try unsafe add(found)
      unsafe map = unsafe bpf_object__next_map(object, found)
    }
  }

  deinit {
    unsafe packet.deallocate()
    unsafe stack.deallocate()
  }

  /// Maps a map's elements; those of the kind that cannot be mapped are made up.
  private func add(_ map: OpaquePointer) throws {
    let stride = (Int(unsafe bpf_map__value_size(map)) + 7) / 8 * 8
    let count = Int(unsafe bpf_map__max_entries(map))
    let descriptor = unsafe bpf_map__fd(map)
    // The one of the program that explains is not there.
    guard descriptor >= 0 else { return }
    guard unsafe bpf_map__type(map) != BPF_MAP_TYPE_DEVMAP_HASH else {
      interfaceMaps.insert(descriptor)
      return
    }
    let size = (stride * count + 4095) / 4096 * 4096
    let flags =
      unsafe bpf_map__map_flags(map) & (1 << 10) == 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED
    // Constants are nobody's to write any more (BPF_F_RDONLY_PROG).
    let isConstant = unsafe bpf_map__map_flags(map) & (1 << 7) != 0
    let memory = unsafe mmap(
      nil, size, isConstant ? PROT_READ : PROT_READ | PROT_WRITE, flags,
      flags == MAP_SHARED ? descriptor : -1, 0)
    guard unsafe memory != MAP_FAILED, let base = unsafe memory else {
      throw TestKitError("map: errno \(errno)")
    }
    maps[descriptor] = Map(base: UInt64(UInt(bitPattern: base)), stride: stride, count: count)
  }

  /// The packet as the program left it.
  var bytes: [UInt8] {
    // As long as it was at the start.
    unsafe [UInt8](UnsafeRawBufferPointer(start: packet, count: length))
  }

  /// Runs the program; answers with its verdict.
  func run() throws -> UInt64 {
    executed = 0
    return try call(0, [Self.context, 0, 0, 0, 0], depth: 0)
  }

  private func call(_ entry: Int, _ arguments: [UInt64], depth: Int) throws -> UInt64 {
    var r = [UInt64](repeating: 0, count: 11)
    for (index, argument) in arguments.prefix(5).enumerated() { r[index + 1] = argument }
    r[10] = UInt64(UInt(bitPattern: unsafe stack)) + UInt64(512 * (depth + 1))
    var at = entry
    while true {
      let insn = unsafe code[at]
      let (op, dst, src) = (Int(insn.code), Int(insn.dst_reg), Int(insn.src_reg))
      let immediate = UInt64(bitPattern: Int64(insn.imm))
      executed += 1
      at += 1
      switch op & 7 {
      case 0:
        r[dst] = try constant(insn, unsafe code[at].imm, at)
        at += 1
      case 1: r[dst] = load(r[src] &+ UInt64(bitPattern: Int64(insn.off)), op & 0x18)
      case 2: store(immediate, r[dst] &+ UInt64(bitPattern: Int64(insn.off)), op & 0x18)
      case 3: store(r[src], r[dst] &+ UInt64(bitPattern: Int64(insn.off)), op & 0x18)
      case 4: r[dst] = narrow(op, r[dst], op & 8 != 0 ? r[src] : immediate, insn.imm)
      case 7: r[dst] = wide(op, r[dst], op & 8 != 0 ? r[src] : immediate, insn.imm)
      default:
        if op == 0x95 { return r[0] }
        if op == 0x85 {
          let arguments = Array(r[1...5])
          r[0] =
            src == 1
            ? try call(at + Int(insn.imm), arguments, depth: depth + 1)
            : try help(Int(insn.imm), arguments, depth)
        } else if jumps(op, r[dst], op & 8 != 0 ? r[src] : immediate) {
          at += Int(insn.off)
        }
      }
    }
  }

  /// The 64 bits that an instruction of two parts puts into a register: a number, a map by its
  /// descriptor, a place in a map's only element, or a function.
  private func constant(_ insn: bpf_insn, _ second: Int32, _ at: Int) throws -> UInt64 {
    switch insn.src_reg {
    case 1: return UInt64(UInt32(bitPattern: insn.imm))
    case 2:
      guard let map = maps[insn.imm] else { throw TestKitError("no map \(insn.imm)") }
      return map.base + UInt64(UInt32(bitPattern: second))
    case 4: return UInt64(at + Int(insn.imm))
    default: return UInt64(UInt32(bitPattern: insn.imm)) | UInt64(UInt32(bitPattern: second)) << 32
    }
  }

  private func load(_ address: UInt64, _ size: Int) -> UInt64 {
    if address >= Self.context, address < Self.context + 64 {
      let base = UInt64(UInt(bitPattern: unsafe packet))
      return [base, base + UInt64(length), base, UInt64(interface), 0][
        Int(address - Self.context) / 4]
    }
    guard let place = unsafe UnsafeRawPointer(bitPattern: UInt(address)) else { return 0 }
    switch size {
    case 0x00: return UInt64(unsafe place.loadUnaligned(as: UInt32.self))
    case 0x08: return UInt64(unsafe place.loadUnaligned(as: UInt16.self))
    case 0x10: return UInt64(unsafe place.loadUnaligned(as: UInt8.self))
    default: return unsafe place.loadUnaligned(as: UInt64.self)
    }
  }

  private func store(_ value: UInt64, _ address: UInt64, _ size: Int) {
    guard let place = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else { return }
    switch size {
    case 0x00: unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
    case 0x08: unsafe place.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
    case 0x10: unsafe place.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
    default: unsafe place.storeBytes(of: value, as: UInt64.self)
    }
  }

  private func wide(_ op: Int, _ a: UInt64, _ b: UInt64, _ immediate: Int32) -> UInt64 {
    switch op & 0xF0 {
    case 0x00: a &+ b
    case 0x10: a &- b
    case 0x20: a &* b
    case 0x40: a | b
    case 0x50: a & b
    case 0x60: a &<< (b & 63)
    case 0x70: a &>> (b & 63)
    case 0x80: 0 &- a
    case 0xA0: a ^ b
    case 0xB0: b
    case 0xC0: UInt64(bitPattern: Int64(bitPattern: a) >> Int64(b & 63))
    default: preconditionFailure("instruction \(op)")
    }
  }

  private func narrow(_ op: Int, _ a: UInt64, _ b: UInt64, _ immediate: Int32) -> UInt64 {
    if op & 0xF0 == 0xD0 {
      // To big-endian, or to little-endian, which it is.
      if op & 8 == 0 { return immediate == 64 ? a : a & (1 << UInt64(immediate) - 1) }
      switch immediate {
      case 16: return UInt64(UInt16(truncatingIfNeeded: a).byteSwapped)
      case 32: return UInt64(UInt32(truncatingIfNeeded: a).byteSwapped)
      default: return a.byteSwapped
      }
    }
    let (x, y) = (a & 0xFFFF_FFFF, b & 0xFFFF_FFFF)
    if op & 0xF0 == 0xC0 {
      let signed = Int32(truncatingIfNeeded: x) >> Int32(y & 31)
      return UInt64(UInt32(bitPattern: signed))
    }
    let shift = op & 0xF0 == 0x60 || op & 0xF0 == 0x70
    return wide(op, x, shift ? y & 31 : y, immediate) & 0xFFFF_FFFF
  }

  private func jumps(_ op: Int, _ left: UInt64, _ right: UInt64) -> Bool {
    let isNarrow = op & 7 == 6
    let (a, b) = isNarrow ? (left & 0xFFFF_FFFF, right & 0xFFFF_FFFF) : (left, right)
    let x = isNarrow ? Int64(Int32(truncatingIfNeeded: a)) : Int64(bitPattern: a)
    let y = isNarrow ? Int64(Int32(truncatingIfNeeded: b)) : Int64(bitPattern: b)
    switch op & 0xF0 {
    case 0x00: return true
    case 0x10: return a == b
    case 0x20: return a > b
    case 0x30: return a >= b
    case 0x40: return a & b != 0
    case 0x50: return a != b
    case 0x60: return x > y
    case 0x70: return x >= y
    case 0xA0: return a < b
    case 0xB0: return a <= b
    case 0xC0: return x < y
    default: return x <= y
    }
  }

  private func help(_ number: Int, _ arguments: [UInt64], _ depth: Int) throws -> UInt64 {
    switch number {
    case 1:
      let descriptor = Int32(truncatingIfNeeded: arguments[0])
      let index = Int(load(arguments[1], 0))
      guard let map = maps[descriptor] else { throw TestKitError("no map \(descriptor)") }
      guard index < map.count else { return 0 }
      executed += Self.lookup - 1
      return map.base + UInt64(index * map.stride)
    case 51: return redirect(Int32(truncatingIfNeeded: arguments[0]), arguments[1], arguments[2])
    case 181:
      for step in 0..<arguments[0] {
        let callback = Int(arguments[1])
        if try call(callback, [step, arguments[2], 0, 0, 0], depth: depth + 1) != 0 { break }
      }
      return 0
    case 188: return UInt64(length)
    // The processor, a random number, ticks.
    case 7, 8, 118: return 0
    default: throw TestKitError("helper \(number)")
    }
  }

  /// A socket is always there; of an interface that is not, the flags say what becomes.
  private func redirect(_ map: Int32, _ place: UInt64, _ flags: UInt64) -> UInt64 {
    var key = UInt32(truncatingIfNeeded: place)
    var value: UInt32 = 0
    // The kernel reads four bytes, and writes as many.
    guard interfaceMaps.contains(map), unsafe bpf_map_lookup_elem(map, &key, &value) != 0 else {
      return UInt64(XDP_REDIRECT.rawValue)
    }
    return flags & 3
  }
}
