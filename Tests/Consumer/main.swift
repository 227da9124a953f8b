// A process that an engine gave a flow group, without any privilege: what the kernel tests run.
//
//     Consumer PATH verify drop|forward|kernel   checks the content of numbered packets in place
//     Consumer PATH spend drop|forward|kernel    says the same of every packet
//     Consumer PATH hang                         takes nothing and gives nothing back
//     Consumer PATH scan TEXT                    looks for a text in all that it can see
//     Consumer PATH attack SEED                  tries what it must not, and writes nonsense
//     Consumer PATH write COUNT                  sends numbered packets from a tenant's arena
//
// It ends when the engine ends the export, and prints what it saw.
import Glibc
import Martlet

let words = CommandLine.arguments
guard words.count >= 3 else { fail("usage: Consumer PATH MODE [ARGUMENT]") }
let argument = words.count > 3 ? words[3] : ""
do throws(XDPError) {
  try Privileges.giveUp()
  guard socket(17, 3, 0) < 0 else { fail("there are privileges left") }
  switch words[2] {
  case "verify": try verify(words[1], verdict(argument))
  case "spend": try spend(words[1], verdict(argument))
  case "hang": try hang(words[1])
  case "scan": try scan(words[1], argument)
  case "attack": try attack(words[1], UInt64(argument) ?? 0)
  case "write": try send(words[1], Int(argument) ?? 0)
  default: fail("no such mode: \(words[2])")
  }
} catch {
  fail("\(error)")
}

func verdict(_ name: String) -> FlowVerdict {
  switch name {
  case "forward": .forward
  case "kernel": .kernel
  default: .drop
  }
}

/// Prints a line at once: whoever waits for it reads a pipe.
func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  // The array's own bytes.
  _ = unsafe write(1, bytes, bytes.count)
}

func fail(_ message: String) -> Never {
  say("failed: \(message)")
  exit(1)
}
