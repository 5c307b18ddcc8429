# The workshop. Each line calls cargo or xtask; what they do is in xtask/.

# the quick loop: does it compile, do the lints agree
check:
    cargo clippy --workspace --all-targets

# everything CI does
test:
    cargo xtask test

# the house rules
rules:
    cargo xtask rules

# mutated inputs into every parser
fuzz seconds="20":
    cargo xtask fuzz --seconds {{seconds}}

# the recorder killed under live calls and commands
crash kills="1000":
    cargo xtask crash --kills {{kills}}

# blackouts hunted over random kills
canary runs="1000":
    cargo xtask canary --runs {{runs}}

# one target for as long as you let it, guided by coverage
fuzz-long target:
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}}

# the load benchmark and its floor
bench:
    cargo run --release --package bench

# the documentation of all crates
docs:
    cargo doc --workspace --no-deps --open

# a recorder with a call to listen to
demo:
    cargo run --release -- demo

# a recorder
serve *arguments:
    cargo run --release -- serve {{arguments}}

# The recorder in many made-up worlds.
sim seeds="10000":
    cargo xtask sim --seeds {{seeds}}
