/// Declares a row: a struct whose fields are the columns of the same names, readable from both databases.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident : $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $(pub $field: $type),+ }

        impl<'r, R> $crate::sqlx::FromRow<'r, R> for $name
        where
            R: $crate::sqlx::Row,
            for<'a> &'a str: $crate::sqlx::ColumnIndex<R>,
            $($type: $crate::sqlx::Decode<'r, R::Database> + $crate::sqlx::Type<R::Database>,)+
        {
            fn from_row(row: &'r R) -> Result<Self, $crate::sqlx::Error> {
                Ok(Self { $($field: $crate::sqlx::Row::try_get(row, stringify!($field))?),+ })
            }
        }
    };
}
