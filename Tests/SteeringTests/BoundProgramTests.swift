import CXDP
import MartletTestKit
import Testing
import XSK

@testable import Steering

/// What is refused of facts from the driver before a program is loaded for one device.
///
/// None is loaded here: on a kernel that has the fault that `BoundProgram` tells of, that is for
/// guests (tools/zero-copy). A program without rules is bound to no device.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct BoundProgramTests {
  @Test("A program stays in place if it still fits the pages that it began in")
  func staysInPlace() {
    // 2,000 instructions are 16,000 bytes: four pages, and 384 bytes left.
    #expect(!BoundProgram.staysInPlace(2000, verified: 1000))
    #expect(BoundProgram.staysInPlace(1900, verified: 1900))
    #expect(BoundProgram.staysInPlace(1900, verified: 2016))
    #expect(!BoundProgram.staysInPlace(1900, verified: 2017))
    #expect(!BoundProgram.staysInPlace(1900, verified: 5000))
    #expect(!BoundProgram.staysInPlace(0, verified: 1))
  }

  @Test("The program for one device has a length with which it stays in place")
  func embeddedLength() throws {
    // Bound to no device here, so the kernel refuses it; libbpf has put it together by then.
    let plain = try ProgramObject(socketCount: 1, acceptsFragments: false)
    let object = try RuleObject(
      .askingDriver, over: plain, sizes: [:], layout: CPULayout(flowCount: 16),
      acceptsFragments: false)
    _ = refusal { () throws(XDPError) in try object.load() }
    let found = unsafe bpf_object__find_program_by_name(object.object, "martlet_driver")
    let count = unsafe Int(bpf_program__insn_cnt(found))
    let fitting = (0...512).first { BoundProgram.staysInPlace(count - $0, verified: count - $0) }
    #expect(
      fitting == 0, "lower ROOM of bpf/driver.bpf.c by \(fitting ?? 0): \(count) instructions")
  }

  @Test("A driver is asked in native mode only, and only one that says that it knows")
  func modes() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let (near, loopback) = (try Interface(named: "near"), try Interface(named: "lo"))
      var program = try SteeringProgram()
      try program.setFacts(true)
      try program.attach(to: near, mode: .generic)
      let generic = refusal { () throws(XDPError) in try program.askDriver(of: near) }
      #expect(generic?.kind == .modeRefused)
      #expect(generic?.reason == "in generic mode no driver is asked")
      let other = refusal { () throws(XDPError) in
        try BoundProgram.check(loopback, .native, asksTime: true, blindedBy: nil)
      }
      #expect(other?.kind == .unsupported)
      #expect(
        other?.reason.hasSuffix("offers nothing of a packet, not its timestamp or hash") == true)
    }
  }

  @Test("Nobody is asked where the kernel blinds constants")
  func blinding() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      let found = refusal { () throws(XDPError) in
        try BoundProgram.check(near, .native, asksTime: false, blindedBy: "2\n")
      }
      #expect(found?.kind == .unsupported && found?.remedy.contains("bpf_jit_harden") == true)
      // Checked, and nothing more; kernels before 6.3 do not tell what the driver offers.
      guard (try? near.capabilities()) != nil else { return }
      for setting in ["0\n", "1\n", nil] {
        let free = refusal { () throws(XDPError) in
          try BoundProgram.check(near, .native, asksTime: false, blindedBy: setting)
        }
        #expect(free == nil)
      }
    }
  }

  @Test("One interface is asked, with facts, and where the program is attached")
  func oneInterface() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let (near, far) = (try Interface(named: "near"), try Interface(named: "far"))
      var program = try SteeringProgram()
      func expectRefusal(_ found: XDPError?) {
        #expect(found?.kind == .configuration)
        #expect(found?.operation == "ask the driver of near about packets")
      }
      // In generic mode, in which no driver is asked whatever else is wrong.
      try program.attach(to: near, mode: .generic)
      expectRefusal(refusal { () throws(XDPError) in try program.askDriver(of: near) })
      program.detach(from: near)
      try program.setFacts(true)
      expectRefusal(refusal { () throws(XDPError) in try program.askDriver(of: near) })
      try program.attach(to: near, mode: .generic)
      try program.attach(to: far, mode: .generic)
      expectRefusal(refusal { () throws(XDPError) in try program.askDriver(of: near) })
    }
  }
}
