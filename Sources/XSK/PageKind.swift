/// What pages packet memory is asked for, or was got from.
public enum PageKind: Sendable, Hashable {
  /// The machine's base pages: 4 KiB.
  case small
  /// 2 MiB pages that the kernel collapses base pages into (`MADV_COLLAPSE`, Linux 6.1).
  case transparentHuge
  /// 2 MiB pages that the administrator set aside (hugetlb, `vm.nr_hugepages`).
  case huge
}
