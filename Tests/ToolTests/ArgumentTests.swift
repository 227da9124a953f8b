import MartletTestKit
import Testing

/// Arguments are looked at before anything is touched: no test here needs privileges.
@Suite struct ArgumentTests {
  @Test(
    "Wrong arguments end with status 64",
    arguments: [
      "forward", "forward left", "forward left left", "forward left right middle", "fly left",
      "forward left right --queue some", "forward left right --queue -1",
      "forward left right --mode fast", "forward left right --wait --spin",
      "forward left right --cpu -1", "forward left right --cpu 0,,1", "generate left --cpu 0,1",
      "forward left right --seconds 0",
      "forward left right --seconds -1", "forward left right --seconds nan",
      "forward left right --seconds inf", "forward left right --chunk 3000",
      "forward left right --memory 0", "forward left right --memory much",
      "forward left right --memory 99999999999G", "forward left right --colour",
      "reflect", "reflect left right", "sink", "sink left right",
      "generate", "generate left --rate -1", "generate left --rate 1000000001",
      "generate left --size 41",
      "generate left --size 9015", "generate left --count 0", "generate left --flows 0",
      "generate left --flows 60000", "generate left --source-mac 1:2:3:4:5:6",
      "generate left --destination-ip 10.0.0.256", "rules", "rules left", "rules left fly",
      "rules left add", "rules left list 1", "rules left remove x", "rules left explain 0",
      "rules left explain zz", "rules left list --confirm-within 1", "rules left list --count 1",
      "rules left confirm --json", "rules left rollback now",
      "rules left add arp --confirm-within 0",
      "rules left watch --count 0", "rules left list --queue 0",
    ])
  func usage(line: String) throws {
    let tool = try Tool(line.split(separator: " ").map(String.init))
    #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(64))
    #expect(tool.errorLines.first?.hasPrefix("Error: ") == true)
    #expect(tool.output.isEmpty)
  }

  @Test(arguments: ["forward", "reflect", "sink", "generate"])
  func helpNamesEveryOption(command: String) throws {
    let tool = try Tool([command, "--help"])
    #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(0))
    let common = [
      "--queue <N|all>", "--mode <auto|zero-copy|copy|generic>", "--wait/--spin/--busy-poll",
      "--cpu <N,...>",
      "--seconds <S>", "--chunk", "--memory", "--json", "Example: martlet \(command) ",
    ]
    let own = ["--rate <N>", "--size <N>", "--count <N>", "--flows <N>", "--destination-mac <MAC>"]
    for text in command == "generate" ? common + own : common {
      #expect(tool.output.contains(text), "\(text)")
    }
  }

  @Test func rulesHelpNamesEveryAction() throws {
    let tool = try Tool(["rules", "--help"])
    #expect(try tool.process.wait(timeout: .seconds(20)) == .exited(0))
    let actions = [
      "list", "add RULE", "remove ID", "replace FILE", "confirm", "rollback", "explain HEX",
    ]
    let options = ["watch", "--confirm-within <SECONDS>", "--queue <N>", "--count <N>", "--json"]
    for text in actions + options { #expect(tool.output.contains(text), "\(text)") }
  }
}
