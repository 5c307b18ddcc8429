//! What a command does when nobody reads what it prints any more, as after `sidetone check | head`.

/// The status of a program that SIGPIPE has ended, as shells tell it.
const ENDED_BY_SIGPIPE: i32 = 141;

/// From now on printing into a closed pipe ends the program without a word. Rust leaves SIGPIPE out and makes it a panic.
pub(super) fn end_quietly() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(ENDED_BY_SIGPIPE);
        }
        usual(panic);
    }));
}
