//! Prints `docs/errors.md`.

fn main() {
    print!("{}", error_catalog::page());
}
