//! JSON objects read strictly, in one pass: no member name twice, known or not (RFC 7519 section 4 lets a
//! reader take the last one, and two readers that differ are an attack), no arrays in place of objects, no null
//! in place of a value. Members that nobody asked for are skipped, so that a newer writer may add some.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// A JSON string, borrowed where it has no escapes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A JSON string that is parsed where it stands.
#[derive(Debug)]
pub(crate) struct Parsed<T>(pub T);

impl<'de, T: FromStr> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<T: FromStr> Visitor<'_> for Reader<T> {
            type Value = Parsed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a well-formed string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Parsed<T>, E> {
                text.parse().map(Parsed).map_err(|_| E::custom("not well-formed"))
            }
        }

        deserializer.deserialize_str(Reader(PhantomData))
    }
}

/// Declares a struct whose fields are all `Option`: what the object had. A member that is there has its type.
macro_rules! object {
    (
        $(#[$meta:meta])*
        struct $name:ident $(<$life:lifetime>)? {
            $($field:ident: $type:ty = $member:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        struct $name $(<$life>)? {
            $($field: Option<$type>),+
        }

        impl<'de> serde::Deserialize<'de> for $name $(<$life>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor;

                impl<'de> serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $name $(<$life>)?;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a JSON object")
                    }

                    fn visit_map<A>(self, mut map: A) -> Result<Self::Value, A::Error>
                    where
                        A: serde::de::MapAccess<'de>,
                    {
                        use serde::de::{Error as _, IgnoredAny};
                        $(let mut $field: Option<$type> = None;)+
                        let mut others = std::collections::BTreeSet::new();
                        while let Some(name) = map.next_key::<$crate::object::Text<'de>>()? {
                            let is_new = match name.0.as_ref() {
                                $($member => $field.replace(map.next_value()?).is_none(),)+
                                _ => {
                                    map.next_value::<IgnoredAny>()?;
                                    others.insert(name)
                                }
                            };
                            if !is_new {
                                return Err(A::Error::custom("a member comes twice"));
                            }
                        }
                        Ok($name { $($field),+ })
                    }
                }

                deserializer.deserialize_map(ObjectVisitor)
            }
        }
    };
}

pub(crate) use object;

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        #[derive(Debug)]
        struct Sample<'de> { name: Text<'de> = "name", size: i64 = "size" }
    }

    fn read(json: &str) -> Option<Sample<'_>> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn unknown_members_are_skipped_whatever_they_hold() {
        let sample = read(r#"{"x":{"name":[1,{}]},"name":"a\u0062","y":null,"size":-3}"#).unwrap();
        assert_eq!((sample.name.unwrap().0.as_ref(), sample.size), ("ab", Some(-3)));
        assert!(read("{}").unwrap().name.is_none());
    }

    #[test]
    fn what_is_not_a_plain_object_with_unique_names_is_refused() {
        for json in [
            r#"{"name":"a","name":"a"}"#,
            r#"{"name":"a","nam\u0065":"a"}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"name":null}"#,
            r#"{"size":1.0}"#,
            r#"{"size":"1"}"#,
            r#"{"name":"a"} x"#,
            r#"{"name":"a"}{}"#,
            r#"["a",1]"#,
            r#""name""#,
            "null",
            "",
        ] {
            assert!(read(json).is_none(), "{json}");
        }
    }
}
