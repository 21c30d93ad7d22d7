use super::{Shape, must, record, text, time, whole};

pub fn given() -> Shape {
    record("", [must("name", text("Unique in the account.", "engineers"))])
}

pub fn shown() -> Shape {
    record(
        "A tag.",
        [
            must("name", text("Its name, which is its id.", "engineers")),
            must("app_count", whole("How many applications name it.", 1)),
            must("created_at", time("When it was made.")),
            must("updated_at", time("When it was changed last.")),
        ],
    )
}

pub fn deleted() -> Shape {
    record("", [must("name", text("Its name.", "engineers"))])
}
