//! Query strings, read strictly.

use std::borrow::Cow;
use std::str::FromStr;

use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::control::error::Problem;

/// The parameters of a request, each given once and known.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string that may hold the `known` parameters and no others. An empty value is as good as
    /// none: forms send those.
    pub(super) fn read(text: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        Self::of(form_urlencoded::parse(text.unwrap_or_default().as_bytes()), known)
    }

    /// The same of pairs that come from elsewhere.
    pub(super) fn of<'a>(
        given: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
        known: &[&str],
    ) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in given {
            if !known.contains(&name.as_ref()) {
                let allowed = match known {
                    [] => "none is taken here".to_owned(),
                    known => format!("there are {}", known.join(", ")),
                };
                let name: String = name.chars().take(64).collect();
                return Err(Problem::parameter(
                    &name,
                    format!("there is no parameter \"{name}\"; {allowed}"),
                ));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Problem::parameter(&name, format!("\"{name}\" is given twice; give it once")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        pairs.retain(|(_, value)| !value.trim().is_empty());
        Ok(Self(pairs))
    }

    /// The value of a parameter, trimmed.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim().to_owned())
    }

    /// Whether a parameter that may be `all` or left out is there.
    pub(super) fn all(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name).as_deref() {
            None => Ok(false),
            Some("all") => Ok(true),
            Some(_) => Err(Problem::parameter(name, format!("{name} must be all, or left out"))),
        }
    }

    /// The value of a parameter as a number; `wanted` says which are right.
    pub(super) fn number<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, Problem> {
        let wrong = || Problem::parameter(name, format!("{name} must be {wanted}"));
        self.text(name).map(|text| text.parse().map_err(|_| wrong())).transpose()
    }
}

/// Reads a JSON body. What is wrong is said with the path of the field it is wrong in.
pub(super) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    super::body::told(body);
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json);
    let read = read.map_err(|error| (error.path().to_string(), error.into_inner()));
    let read = read.and_then(|value| json.end().map(|()| value).map_err(|error| (".".to_owned(), error)));
    read.map_err(|(path, error)| match path.as_str() {
        _ if error.is_syntax() || error.is_eof() => {
            Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}"))
        }
        "." | "?" => {
            Problem::new(StatusCode::BAD_REQUEST, format!("the body is not as it should be: {error}"))
        }
        path => {
            let path: String = path.chars().take(64).collect();
            Problem::parameter(&path, format!("at {path}: {error}"))
        }
    })
}

/// An id in a body must be that of the address; one that is made is given its id.
pub(super) fn same_id(said: Option<u32>, address: Option<u32>) -> Result<(), Problem> {
    match (said, address) {
        (None, _) => Ok(()),
        (Some(said), Some(address)) if said == address => Ok(()),
        (Some(_), Some(_)) => {
            Err(Problem::parameter("id", "the id of the body is another than that of the address"))
        }
        (Some(_), None) => Err(Problem::parameter(
            "id",
            "the recorder gives the id; leave it out, or PUT to the address with it",
        )),
    }
}

/// An id in a path. Other spellings of the same number (braces, `urn:`) are not taken: an address is one text.
pub(super) fn id<T: FromStr + ToString>(text: &str, example: &str) -> Result<T, Problem> {
    text.parse::<T>()
        .ok()
        .filter(|id| id.to_string().eq_ignore_ascii_case(text))
        .ok_or_else(|| Problem::parameter("id", format!("the id in the address has another form: {example}")))
}
