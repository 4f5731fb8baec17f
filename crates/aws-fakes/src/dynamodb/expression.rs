//! The supported expressions: `AND`, `OR`, `NOT`, `=`, `<>`, `>=`, `BETWEEN`, `IN`, `attribute_not_exists`, and `SET` with values,
//! sums and `if_not_exists`.
//!
//! Every name must be a placeholder, because DynamoDB reserves many words.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value, json};

use super::invalid;
use crate::json::ErrorResponse;

type FakeItem = Map<String, Value>;

/// Evaluates a condition on an item, or on its absence. `request` has the names and values.
pub(super) fn holds(condition: &str, item: Option<&FakeItem>, request: &Value) -> Result<bool, ErrorResponse> {
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
    if let Some(negated) = condition.strip_prefix("NOT ") {
        return Ok(!holds(negated, item, request)?);
    }
    if let Some((name, values)) = condition.split_once(" IN (") {
        let value = found(name, item, request)?;
        let values: Result<Vec<_>, _> =
            values.trim_end_matches(')').split(", ").map(|one| given(one, request)).collect();
        return Ok(value.is_some_and(|value| values.is_ok_and(|values| values.contains(&value))));
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

/// Returns the attributes of the item that the request's projection names.
pub(super) fn projected(item: &FakeItem, request: &Value) -> Result<FakeItem, ErrorResponse> {
    let Some(projection) = request["ProjectionExpression"].as_str() else { return Ok(item.clone()) };
    let mut kept = FakeItem::new();
    for placeholder in projection.split(", ") {
        let name = attribute(placeholder, request)?;
        kept.extend(item.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Ok(kept)
}

/// Applies `SET a = :b, c = if_not_exists(c, :d) + :e`. Every value is read before the first attribute changes.
pub(super) fn update(item: &mut FakeItem, request: &Value) -> Result<(), ErrorResponse> {
    let expression = request["UpdateExpression"].as_str().unwrap_or_default();
    let assignments = expression.strip_prefix("SET #").ok_or_else(|| invalid(expression))?;
    let mut changes = Vec::new();
    for assignment in assignments.split(", #") {
        let (name, value) = assignment.split_once(" = ").ok_or_else(|| invalid(assignment))?;
        changes.push((attribute(&format!("#{name}"), request)?.to_owned(), sum(value, item, request)?));
    }
    item.extend(changes);
    Ok(())
}

fn sum(expression: &str, item: &FakeItem, request: &Value) -> Result<Value, ErrorResponse> {
    let Some((left, right)) = expression.split_once(" + ") else { return operand(expression, item, request) };
    let mut total = 0_i64;
    for part in [left, right] {
        let value = operand(part, item, request)?;
        let number = value["N"].as_str().and_then(|number| number.parse::<i64>().ok());
        total += number.ok_or_else(|| invalid("the sum of a value that is not a whole number"))?;
    }
    Ok(json!({"N": total.to_string()}))
}

fn operand(expression: &str, item: &FakeItem, request: &Value) -> Result<Value, ErrorResponse> {
    let Some(arguments) = expression.strip_prefix("if_not_exists(") else { return given(expression, request).cloned() };
    let (name, value) = arguments.trim_end_matches(')').split_once(", ").ok_or_else(|| invalid(expression))?;
    match found(name, Some(item), request)? {
        Some(existing) => Ok(existing.clone()),
        None => given(value, request).cloned(),
    }
}

fn found<'a>(path: &str, item: Option<&'a FakeItem>, request: &Value) -> Result<Option<&'a Value>, ErrorResponse> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = item.and_then(|item| attribute(first, request).ok().and_then(|name| item.get(name)));
    attribute(first, request)?;
    match rest {
        None => Ok(value),
        Some(rest) => found(rest, value.and_then(|value| value["M"].as_object()), request),
    }
}

fn attribute<'a>(placeholder: &str, request: &'a Value) -> Result<&'a str, ErrorResponse> {
    request["ExpressionAttributeNames"][placeholder].as_str().ok_or_else(|| invalid(placeholder))
}

fn given<'a>(placeholder: &str, request: &'a Value) -> Result<&'a Value, ErrorResponse> {
    request["ExpressionAttributeValues"].get(placeholder).ok_or_else(|| invalid(placeholder))
}

fn text(value: Option<&Value>) -> Result<&str, ErrorResponse> {
    value.and_then(|value| value["S"].as_str()).ok_or_else(|| invalid("expected a string to compare"))
}

/// Converts a value to DynamoDB JSON.
pub(super) fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(value) => json!({"BOOL": value}),
        AttributeValue::Null(value) => json!({"NULL": value}),
        AttributeValue::L(values) => json!({"L": values.iter().map(to_json).collect::<Vec<_>>()}),
        AttributeValue::M(values) => {
            let values: FakeItem = values.iter().map(|(name, value)| (name.clone(), to_json(value))).collect();
            json!({"M": values})
        }
        other => panic!("unsupported value {other:?}"),
    }
}

/// Converts DynamoDB JSON to a value.
pub(super) fn from_json(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a value has a type");
    let text = || value.as_str().expect("the value is a string").to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().expect("the value is a boolean")),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().expect("the value is a list").iter().map(from_json).collect()),
        "M" => {
            let values = value.as_object().expect("the value is a map");
            AttributeValue::M(values.iter().map(|(name, value)| (name.clone(), from_json(value))).collect())
        }
        other => panic!("unsupported value type {other}"),
    }
}
