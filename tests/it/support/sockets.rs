//! Connections as the kernel lists them: who still holds one, and who has let go of it.

/// How many connections to a port of this machine other processes of it hold. What a process has closed counts no more,
/// though the kernel may still send the rest of what was written to it.
pub fn held_by_others(port: u16) -> usize {
    let own: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|goal| Some(goal.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_held = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, remote, _, _, _, _, _, _, socket, ..] = fields[..] else { return false };
        remote.ends_with(&format!(":{port:04X}")) && socket != "0" && !own.iter().any(|own| own == socket)
    };
    table.lines().skip(1).filter(is_held).count()
}
