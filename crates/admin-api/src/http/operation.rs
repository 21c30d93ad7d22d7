//! One operation of the API, described. A handler becomes a route only together with its description
//! ([`super::routes::Routes::serve`]); permissions and the published contract both come from it.

use crate::wire::schema::{Shape, choice, flag, list, text, time, whole};
use http::{Method, StatusCode};
use proto::token_registry::Scope;

/// What a caller must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// An API token with this permission.
    Permission(Scope),
    /// Any good API token.
    AnyToken,
    /// Nothing at all.
    Nothing,
}

impl From<Scope> for Needs {
    fn from(scope: Scope) -> Self {
        Self::Permission(scope)
    }
}

/// A parameter of the query.
pub struct Parameter {
    pub name: &'static str,
    pub says: &'static str,
    pub shape: Shape,
}

/// What an operation answers with when it succeeds.
pub struct Gives {
    pub status: StatusCode,
    pub body: Given,
}

pub enum Given {
    /// The envelope with this result.
    Result(Shape),
    /// The envelope with a list of these, and `result_info` of a page.
    Page(Shape),
    /// The same, where one asks on by a cursor.
    CursorPage(Shape),
    /// No envelope: a document of this content type.
    Document(&'static str),
}

pub struct Operation {
    pub method: Method,
    /// Below the place where its routes are mounted.
    pub path: &'static str,
    /// Unique; what generated clients call it.
    pub id: &'static str,
    pub summary: &'static str,
    pub needs: Needs,
    pub gives: Gives,
    pub query: Vec<Parameter>,
    /// And whether it must be there.
    pub body: Option<(Shape, bool)>,
    /// It goes to the enforcement points: `?wait`, and the header of the answer.
    pub waits: bool,
    /// The one object that its path means may not be there yet.
    pub may_be_absent: bool,
}

impl Operation {
    pub fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        needs: impl Into<Needs>,
        gives: Gives,
    ) -> Self {
        let query = match gives.body {
            Given::Page(_) => {
                vec![count("page", "From 1."), count("per_page", "At most 1,000, which is the default.")]
            }
            _ => Vec::new(),
        };
        let needs = needs.into();
        Self {
            method,
            path,
            id,
            summary,
            needs,
            gives,
            query,
            body: None,
            waits: false,
            may_be_absent: false,
        }
    }

    /// A JSON object.
    pub fn takes(self, body: Shape) -> Self {
        Self { body: Some((body, true)), ..self }
    }

    /// A JSON object or nothing.
    pub fn may_take(self, body: Shape) -> Self {
        Self { body: Some((body, false)), ..self }
    }

    pub fn may_be_absent(self) -> Self {
        Self { may_be_absent: true, ..self }
    }

    pub fn asks(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.query.extend(parameters);
        self
    }

    /// Answers after every enforcement point has the change, unless it is told not to wait.
    pub fn waits(mut self) -> Self {
        let says = "Whether the answer waits for the enforcement points.";
        let shape = choice("", &["confirmed", "none"]);
        self.query.push(Parameter { name: "wait", says, shape });
        Self { waits: true, ..self }
    }
}

pub fn get(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    needs: impl Into<Needs>,
    gives: Gives,
) -> Operation {
    Operation::new(Method::GET, path, id, summary, needs, gives)
}

pub fn post(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    needs: impl Into<Needs>,
    gives: Gives,
) -> Operation {
    Operation::new(Method::POST, path, id, summary, needs, gives)
}

pub fn put(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    needs: impl Into<Needs>,
    gives: Gives,
) -> Operation {
    Operation::new(Method::PUT, path, id, summary, needs, gives)
}

pub fn patch(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    needs: impl Into<Needs>,
    gives: Gives,
) -> Operation {
    Operation::new(Method::PATCH, path, id, summary, needs, gives)
}

pub fn delete(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    needs: impl Into<Needs>,
    gives: Gives,
) -> Operation {
    Operation::new(Method::DELETE, path, id, summary, needs, gives)
}

/// 200 with this result.
pub fn ok(result: Shape) -> Gives {
    Gives { status: StatusCode::OK, body: Given::Result(result) }
}

/// 201 with this result.
pub fn created(result: Shape) -> Gives {
    Gives { status: StatusCode::CREATED, body: Given::Result(result) }
}

/// 202 with this result.
pub fn accepted(result: Shape) -> Gives {
    Gives { status: StatusCode::ACCEPTED, body: Given::Result(result) }
}

/// 200 with one page of these.
pub fn page_of(item: Shape) -> Gives {
    Gives { status: StatusCode::OK, body: Given::Page(list("", item)) }
}

/// 200 with a part of a list that goes on after its cursor.
pub fn part_of(item: Shape) -> Gives {
    Gives { status: StatusCode::OK, body: Given::CursorPage(list("", item)) }
}

/// 200 with something that is no envelope.
pub fn document(content_type: &'static str) -> Gives {
    Gives { status: StatusCode::OK, body: Given::Document(content_type) }
}

/// Any text.
pub fn word(name: &'static str, says: &'static str, example: &str) -> Parameter {
    Parameter { name, says, shape: text("", example) }
}

/// One of these words.
pub fn one_of(name: &'static str, says: &'static str, of: &[&str]) -> Parameter {
    Parameter { name, says, shape: choice("", of) }
}

pub fn switch(name: &'static str, says: &'static str) -> Parameter {
    Parameter { name, says, shape: flag("") }
}

/// RFC 3339.
pub fn moment(name: &'static str, says: &'static str) -> Parameter {
    Parameter { name, says, shape: time("") }
}

/// Less than 1 is the default.
pub fn count(name: &'static str, says: &'static str) -> Parameter {
    Parameter { name, says, shape: whole("", 1) }
}
