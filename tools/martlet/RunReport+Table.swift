import Martlet

extension RunReport {
  /// The report for people: a row per port, what decided how they work, and the ledger.
  var table: String {
    let head = [
      "port", "queue", "mode", "received", "bytes", "sent", "bytes", "dropped",
    ]
    var rows = [head] + ports.map { $0.row }
    let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    // Names to the left, numbers to the right; the last column is free.
    for row in rows.indices {
      for column in head.indices.dropLast() {
        let gap = String(repeating: " ", count: widths[column] - rows[row][column].count)
        rows[row][column] =
          column == 0 || column == 2
          ? rows[row][column] + gap : gap + rows[row][column]
      }
    }
    var lines = ["after \(JSON.decimal(Int(duration / .milliseconds(1)))) seconds:", ""]
    lines += rows.map { "  " + $0.joined(separator: "  ") } + [""]
    lines += notes + [""]
    if let seenRules { lines += ["  packets by rule: \(seenRules.text)", ""] }
    lines.append("  frames (granules of 64 bytes): \(frames.total)")
    lines.append(
      "  = " + frames.parts.map { "\($0.granules) \($0.name)" }.joined(separator: " + "))
    lines.append(isConserved ? "  conserved" : "  NOT CONSERVED: frames are lost")
    return lines.joined(separator: "\n")
  }
}

extension PortReport {
  fileprivate var row: [String] {
    let drops = dropped.causes.filter { $0.packets > 0 }.map { "\($0.packets) \($0.name)" }
    return [
      interface, "\(queue)", mode.rawValue, "\(received.packets)", "\(received.bytes)",
      "\(sent.packets)", "\(sent.bytes)",
      drops.isEmpty ? "nothing" : drops.joined(separator: ", "),
    ]
  }

  /// What decided the mode, how the program is attached and what else there is to say.
  fileprivate var notes: [String] {
    var notes = ["\(mode.rawValue): \(modeReason)"]
    if let attachment {
      notes.append("attached by \(attachment); after a crash \(attachment.afterCrash)")
    }
    switch facts {
    case .off, .read: break
    case .unwritten: notes.append("no facts: the driver has no place for them, or another program")
    case .lost: notes.append("no facts: the driver loses what stands in front of packets")
    }
    switch polling {
    case .off: break
    case .unnamed: notes.append("not polled: the kernel does not say what part of the driver it is")
    case .deferred(let napi): notes.append("polled, with the interrupts of NAPI \(napi) deferred")
    case .interrupted(let reason): notes.append("polled, but interrupted: \(reason)")
    }
    notes.append(
      capabilities.map { "the driver offers \($0)" }
        ?? "the kernel does not tell what drivers offer")
    if fillWaits > 0 {
      notes.append("the driver looked \(fillWaits) times for frames to receive into, in vain")
    }
    if state != .up { notes.append("the interface is \(state)") }
    if untrusted > 0 { notes.append("\(untrusted) ring entries named no frame of the port") }
    return notes
  }
}

extension RunReport {
  /// What there is to say about ports, each thing once: of which ports, unless of all.
  private var notes: [String] {
    var notes: [(text: String, ports: [String])] = []
    for port in ports {
      for text in port.notes {
        let index = notes.firstIndex { $0.text == text } ?? notes.endIndex
        if index == notes.endIndex { notes.append((text, [])) }
        notes[index].ports.append("\(port.interface) \(port.queue)")
      }
    }
    return notes.map { note in
      let isOfAll = note.ports.count == ports.count
      return "  " + (isOfAll ? "" : note.ports.joined(separator: ", ") + ": ") + note.text
    }
  }
}
