/// Sees whether the steering program gave some packet to a socket without facts.
///
/// It has the program's settings mapped for itself, so that looking takes no lock.
package final class FactsWitness: Sendable {
  private let settings: SettingsPage
  /// What the program's facts begin with.
  package let seal: UInt64

  init(settings: consuming SettingsPage, seal: UInt64) {
    self.settings = settings
    self.seal = seal
  }

  /// Whether a packet of the program's port went to a socket without facts although they are on:
  /// its driver keeps no metadata, or somebody else's were there.
  ///
  /// Who has seen the packet on its ring sees this too. A load of memory.
  package func isBare(_ port: Int) -> Bool { settings.isBare(port) }
}
