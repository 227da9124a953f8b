import Glibc
import MartletTestKit
import Testing

@Suite struct KernelFeatureTests {
  @Test("Where a feature is expected it is there, so a skip hides nothing")
  func expected() throws {
    #expect(((try? NetworkNamespace()) != nil) == KernelFeature.namespaces.isExpected)
    let addressFamilyXDP: Int32 = 44
    let descriptor = socket(addressFamilyXDP, Int32(SOCK_RAW.rawValue), 0)
    if descriptor >= 0 { close(descriptor) }
    if KernelFeature.sockets.isExpected { #expect(descriptor >= 0, "errno \(errno)") }
  }

  @Test("A skip says what is missing", arguments: KernelFeature.allCases)
  func reasons(_ feature: KernelFeature) {
    #expect(feature.reason.hasPrefix(feature.rawValue + " need "))
    if KernelVersion.running < feature.minimumVersion { #expect(!feature.isExpected) }
  }

  @Test("Versions are compared as numbers")
  func versions() {
    #expect(KernelVersion(5, 11) > KernelVersion(5, 9))
    #expect(KernelVersion(6, 1) > KernelVersion(5, 11))
    #expect(KernelVersion.running > KernelVersion(3, 0))
    #expect("\(KernelVersion(6, 18))" == "6.18")
  }
}
