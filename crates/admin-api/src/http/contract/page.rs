pub fn of(_: &serde_json::Value) -> (String, String) { (String::new(), String::new()) }
