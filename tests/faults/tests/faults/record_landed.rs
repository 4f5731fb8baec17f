//! The state `RecordLanded` of `process-hour`: an `UpdateItem` that the state machine makes without a function.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::lake::{FunctionError, Lake, hour};
use crate::run::Execution;

/// Makes the call with the arguments of the state machine's definition. A published or missing hour keeps its status.
pub(crate) async fn record(lake: &Lake, by: Execution) -> Result<(), FunctionError> {
    let definition = concat!(env!("CARGO_MANIFEST_DIR"), "/../../statemachine/process-hour.asl.json");
    let definition: Value = serde_json::from_str(&std::fs::read_to_string(definition).unwrap()).unwrap();
    let arguments = &definition["States"]["RecordLanded"]["Arguments"];
    let text = |name: &str| arguments[name].as_str().map(str::to_owned);
    let names = arguments["ExpressionAttributeNames"].as_object().unwrap();
    let names: HashMap<_, _> =
        names.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    let values = arguments["ExpressionAttributeValues"].as_object().unwrap();
    let values: HashMap<_, _> = values.iter().map(|(name, value)| (name.clone(), attribute(name, value, by))).collect();
    let request = lake
        .states
        .update_item()
        .table_name("hours")
        .key("archive", AttributeValue::S("ghactivity".to_owned()))
        .key("hour", AttributeValue::S(hour().ledger_key()))
        .set_condition_expression(text("ConditionExpression"))
        .set_update_expression(text("UpdateExpression"))
        .set_expression_attribute_names(Some(names))
        .set_expression_attribute_values(Some(values));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(())
        }
        Err(error) => Err(FunctionError { name: "RecordLanded".to_owned(), message: format!("{error:?}") }),
    }
}

/// The value of an attribute. An expression of the definition is replaced by its result.
fn attribute(name: &str, value: &Value, by: Execution) -> AttributeValue {
    match (name, value["S"].as_str(), value["N"].as_str()) {
        (":execution_arn", ..) => AttributeValue::S(by.arn()),
        (":updated_at", ..) => AttributeValue::S(by.started_at().to_owned()),
        (_, Some(text), _) => AttributeValue::S(text.to_owned()),
        (_, _, Some(number)) => AttributeValue::N(number.to_owned()),
        _ => panic!("{name}: neither text nor number"),
    }
}
