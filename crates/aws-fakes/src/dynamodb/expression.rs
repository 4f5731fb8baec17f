//! The expressions that this crate writes: `AND`, `OR`, `=`, `<>`, `>=`, `BETWEEN`, `attribute_not_exists`, `SET a = :b`.
//! Every name has to be a placeholder, since DynamoDB reserves many.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value, json};

use super::invalid;
use crate::json::Refusal;

type Item = Map<String, Value>;

/// Whether a condition holds for an item, or for its absence. `request` has the names and values.
pub(super) fn holds(condition: &str, item: Option<&Item>, request: &Value) -> Result<bool, Refusal> {
    if let Some((left, right)) = condition.split_once(" OR ") {
        return Ok(holds(left, item, request)? | holds(right, item, request)?);
    }
    let words: Vec<_> = condition.split_whitespace().collect();
    if let [name, "BETWEEN", first, "AND", last, rest @ ..] = words.as_slice() {
        let value = text(found(name, item, request)?)?;
        let within = value >= text(Some(given(first, request)?))? && value <= text(Some(given(last, request)?))?;
        return if rest.is_empty() { Ok(within) } else { Err(invalid(condition)) };
    }
    if let Some((left, right)) = condition.split_once(" AND ") {
        return Ok(holds(left, item, request)? & holds(right, item, request)?);
    }
    if let Some(name) = condition.strip_prefix("attribute_not_exists(") {
        return Ok(found(name.trim_end_matches(')'), item, request)?.is_none());
    }
    match words.as_slice() {
        [name, "=", value] => Ok(found(name, item, request)? == Some(given(value, request)?)),
        [name, "<>", value] => Ok(found(name, item, request)? != Some(given(value, request)?)),
        [name, ">=", value] => Ok(text(found(name, item, request)?)? >= text(Some(given(value, request)?))?),
        _ => Err(invalid(condition)),
    }
}

/// The item with the attributes of the request's projection.
pub(super) fn projected(item: &Item, request: &Value) -> Result<Item, Refusal> {
    let Some(projection) = request["ProjectionExpression"].as_str() else { return Ok(item.clone()) };
    let mut kept = Item::new();
    for placeholder in projection.split(", ") {
        let name = attribute(placeholder, request)?;
        kept.extend(item.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Ok(kept)
}

/// Carries out `SET a = :b`.
pub(super) fn update(item: &mut Item, request: &Value) -> Result<(), Refusal> {
    let expression = request["UpdateExpression"].as_str().unwrap_or_default();
    let words: Vec<_> = expression.split_whitespace().collect();
    let ["SET", name, "=", value] = words.as_slice() else { return Err(invalid(expression)) };
    item.insert(attribute(name, request)?.to_owned(), given(value, request)?.clone());
    Ok(())
}

fn found<'a>(path: &str, item: Option<&'a Item>, request: &Value) -> Result<Option<&'a Value>, Refusal> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = item.and_then(|item| attribute(first, request).ok().and_then(|name| item.get(name)));
    attribute(first, request)?;
    match rest {
        None => Ok(value),
        Some(rest) => found(rest, value.and_then(|value| value["M"].as_object()), request),
    }
}

fn attribute<'a>(placeholder: &str, request: &'a Value) -> Result<&'a str, Refusal> {
    request["ExpressionAttributeNames"][placeholder].as_str().ok_or_else(|| invalid(placeholder))
}

fn given<'a>(placeholder: &str, request: &'a Value) -> Result<&'a Value, Refusal> {
    request["ExpressionAttributeValues"].get(placeholder).ok_or_else(|| invalid(placeholder))
}

fn text(value: Option<&Value>) -> Result<&str, Refusal> {
    value.and_then(|value| value["S"].as_str()).ok_or_else(|| invalid("a comparison with what is no text"))
}

/// A value as DynamoDB writes it in JSON.
pub(super) fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::Null(value) => json!({"NULL": value}),
        AttributeValue::L(values) => json!({"L": values.iter().map(to_json).collect::<Vec<_>>()}),
        AttributeValue::M(values) => {
            let values: Item = values.iter().map(|(name, value)| (name.clone(), to_json(value))).collect();
            json!({"M": values})
        }
        other => panic!("no item of these tables has {other:?}"),
    }
}

/// The other way round.
pub(super) fn from_json(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a value has a type");
    let text = || value.as_str().expect("it is a text").to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().expect("it is a boolean")),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().expect("it is a list").iter().map(from_json).collect()),
        "M" => {
            let values = value.as_object().expect("it is a map");
            AttributeValue::M(values.iter().map(|(name, value)| (name.clone(), from_json(value))).collect())
        }
        other => panic!("no item of these tables has a value of type {other}"),
    }
}
