import CXDP
import Glibc
import MartletTestKit
import Testing

@testable import Steering

/// What libxdp pinned for interfaces that are gone.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct PinTests {
  @Test func onlyOurFoldersOfTheInterfaceGo() async throws {
    await #expect(processExitsWith: .success) {
      mountOwnBPFFS()
      let ours = loadForeignProgram(named: "martlet_steer")
      let other = loadForeignProgram(named: "martlet_steer")
      // Alone, beside somebody else's, somebody else's alone, and on other interfaces.
      pin([ours], "dispatch-7-100")
      pin([other, ours], "dispatch-7-101")
      pin([other], "dispatch-7-102")
      pin([ours], "dispatch-77-103")
      pin([ours], "elsewhere-7-104")
      guard let number = ProgramInformation(of: ours)?.identifier else {
        preconditionFailure("the kernel does not know the program")
      }
      DispatcherPins.remove(interface: 7, program: number)
      let isThere = (100...103).map { number in
        ["dispatch-7-\(number)", "dispatch-77-\(number)"].contains { exists($0) }
      }
      precondition(isThere == [false, false, true, true], "\(isThere)")
      precondition(exists("elsewhere-7-104"))
      // Nothing is there to remove.
      DispatcherPins.remove(interface: 7, program: number)
      DispatcherPins.remove(interface: 8, program: number)
    }
  }

  @Test func withoutBPFFSNothingHappens() async throws {
    await #expect(processExitsWith: .success) {
      mountOwnBPFFS(withFolder: false)
      DispatcherPins.remove(interface: 7, program: 1)
    }
  }
}

private let place = "/sys/fs/bpf/xdp"

/// Takes the calling thread of a test's child process to an empty bpffs that nobody else sees.
private func mountOwnBPFFS(withFolder: Bool = true) {
  let newMounts: Int32 = 0x2_0000
  precondition(cxdp_unshare(newMounts) == 0, "unshare: errno \(errno)")
  // C strings for the length of each call.
  let isPrivate = unsafe mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil)
  let isMounted = unsafe mount("bpf", "/sys/fs/bpf", "bpf", 0, nil)
  precondition(isPrivate == 0 && isMounted == 0, "mount: errno \(errno)")
  if withFolder { precondition(unsafe mkdir(place, 0o700) == 0) }
}

/// Pins programs in a folder as libxdp does.
private func pin(_ programs: [Int32], _ folder: String) {
  // C strings for the length of each call.
  precondition(unsafe mkdir("\(place)/\(folder)", 0o700) == 0)
  for (number, program) in programs.enumerated() {
    let path = "\(place)/\(folder)/prog\(number)-prog"
    precondition(unsafe bpf_obj_pin(program, path) == 0, "pin: errno \(errno)")
  }
}

private func exists(_ name: String) -> Bool {
  // A C string for the length of the call.
  unsafe access("\(place)/\(name)", F_OK) == 0
}
