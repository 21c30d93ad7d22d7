use super::{Shape, at_times, flag, id, may, must, record, rules, text, time};

pub fn given() -> Shape {
    record(
        "",
        [
            must("name", text("Unique in the account.", "office")),
            may("include", rules::given("At least one of these holds.")),
            may("require", rules::given("All of these hold as well.")),
            may("exclude", rules::given("None of these holds.")),
            may("is_default", flag("Kept and shown.")),
        ],
    )
}

pub fn shown() -> Shape {
    record(
        "A group of rules.",
        [
            must("id", id("Its id.")),
            must("name", text("", "office")),
            must("include", rules::shown()),
            must("require", rules::shown()),
            must("exclude", rules::shown()),
            must("created_at", time("When it was made.")),
            must("updated_at", time("When it was changed last.")),
            at_times("is_default", flag("Only when it is.")),
        ],
    )
}
