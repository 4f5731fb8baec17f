//! The supported PartiQL: an `INSERT` of named values, and an `UPDATE` with a condition on the key and the version.

use serde_json::{Map, Value, json};

use super::{ErrorResponse, FakeTables, invalid};

const MAX_STATEMENTS: usize = 25;

impl FakeTables {
    pub(super) fn execute_statements(&mut self, body: &Value) -> Result<Value, ErrorResponse> {
        let statements = body["Statements"].as_array().ok_or_else(|| invalid("expected statements"))?;
        if !(1..=MAX_STATEMENTS).contains(&statements.len()) {
            return Err(invalid("expected 1 to 25 statements"));
        }
        let mut responses = Vec::new();
        let faults = std::mem::take(&mut self.statement_faults);
        for (number, statement) in statements.iter().enumerate() {
            let code = match faults.iter().find(|(at, _)| *at == number) {
                Some((_, code)) => Some(*code),
                None => self.execute(statement)?,
            };
            responses.push(match code {
                Some(code) => json!({"Error": {"Code": code, "Message": "from the fake"}}),
                None => json!({}),
            });
        }
        if std::mem::take(&mut self.returns_few) {
            responses.pop();
        }
        Ok(json!({"Responses": responses}))
    }

    /// Returns the error code of a failed statement.
    fn execute(&mut self, statement: &Value) -> Result<Option<&'static str>, ErrorResponse> {
        let text = statement["Statement"].as_str().unwrap_or_default();
        let values = statement["Parameters"].as_array().ok_or_else(|| invalid("expected parameters"))?;
        let name = text.split('"').nth(1).ok_or_else(|| invalid(text))?;
        let table = self.table(&json!({"TableName": name}))?;
        let inserts = text.starts_with("INSERT");
        let names: Vec<&str> = if inserts { quoted(text, '\'') } else { quoted(text, '"')[1..].to_vec() };
        if names.len() != values.len() || text.matches('?').count() != values.len() {
            return Err(invalid(text));
        }
        let given = |(name, value): (&&str, &Value)| ((*name).to_owned(), value.clone());
        if inserts {
            let item: Map<String, Value> = names.iter().zip(values).map(given).collect();
            let key = table.key(&item)?;
            if table.items.contains_key(&key) {
                return Ok(Some("DuplicateItem"));
            }
            table.items.insert(key, item);
            return Ok(None);
        }
        let (set, wanted) = names.split_at(text.matches("SET ").count());
        let wanted: Map<String, Value> = wanted.iter().zip(&values[set.len()..]).map(given).collect();
        let key = table.key(&wanted)?;
        let item =
            table.items.get_mut(&key).filter(|item| wanted.iter().all(|(name, value)| item.get(name) == Some(value)));
        let Some(item) = item else { return Ok(Some("ConditionalCheckFailed")) };
        item.extend(set.iter().zip(values).map(given));
        Ok(None)
    }
}

fn quoted(text: &str, quote: char) -> Vec<&str> {
    text.split(quote).skip(1).step_by(2).collect()
}
