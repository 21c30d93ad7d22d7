//! The targets under libFuzzer. `FUZZ_TARGET` names the one; the arguments are libFuzzer's. See `make fuzz`.
#![no_main]

use fuzz::targets;
use std::sync::LazyLock;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    #[expect(clippy::disallowed_methods, reason = "the arguments belong to libFuzzer")]
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    targets::find(&name).unwrap_or_else(|| {
        let names: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
        eprintln!("FUZZ_TARGET must be one of: {}", names.join(" "));
        std::process::exit(2)
    })
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
