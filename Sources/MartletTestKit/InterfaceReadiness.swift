/// Gives an interface that is up an address with its prefix length, such as "10.0.0.1/24" or
/// "2001:db8::1/64", and waits until the kernel answers for it.
///
/// Without the wait an IPv6 address is deaf at first: the kernel makes its route a moment later.
/// Duplicate address detection is off.
public func assignAddress(_ address: String, to interface: String) throws {
  let isVersion6 = address.contains(":")
  let options = isVersion6 ? ["nodad"] : []
  try runProgram(["ip", "address", "add", address, "dev", interface] + options)
  let host = String(address.prefix { $0 != "/" })
  let route = ["ip", isVersion6 ? "-6" : "-4", "route", "show", "table", "local", host]
  try waitUntil("\(interface): \(address) is in use") { try !runProgram(route).isEmpty }
}

/// Waits until the kernel passes frames through an interface that is up.
///
/// The end of a cable that was brought up first gets its carrier, and with it its queues, from a
/// kernel thread, a moment later.
func waitForCarrier(_ interface: String) throws {
  let show = ["ip", "-o", "link", "show", "dev", interface]
  try waitUntil("\(interface) has a carrier") { try runProgram(show).contains("state UP") }
}

/// Asks again until the answer is yes: for what the kernel does a moment later and tells nobody
/// about.
private func waitUntil(_ what: String, _ isDone: () throws -> Bool) throws {
  let deadline = Deadline(.seconds(10))
  while try !isDone() {
    if deadline.hasPassed { throw TestKitError("not so after 10 s: \(what)") }
  }
}
