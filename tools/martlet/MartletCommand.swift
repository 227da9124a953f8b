import ArgumentParser

/// The command line: packets between interfaces, out of one command.
@main struct MartletCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "Moves packets between network interfaces through AF_XDP sockets, without a copy.",
    discussion: """
      Every command but rules runs until --seconds have passed, SIGINT, SIGTERM or SIGHUP, and \
      then prints what was received, sent and dropped, and where every frame is. Interfaces are \
      left as they were found.

      Needs root or CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON. Exit status: 0 for \
      success, 1 if something could not be done (one line on standard error says what, why and \
      what to do), 64 for wrong arguments.
      """,
    subcommands: [
      ForwardCommand.self, ReflectCommand.self, SinkCommand.self, GenerateCommand.self,
      RulesCommand.self,
    ])
}
