//! The figures of B7, measured in rendered sound: for each condition of `sim::clicks` how far apart the two legs place
//! one instant, beside how far they may. The same table whenever it runs; tests/it/alignment.rs holds it to the figures.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "../tests/it/heard.rs"]
mod heard;

fn main() {
    println!("Milliseconds.\n");
    println!(
        "| condition | figure, p99 | p50 | p99 | largest | at the end | duration error | clicks heard |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --: |");
    for condition in sim::clicks::conditions() {
        println!("{}", heard::measure(&condition));
    }
}
