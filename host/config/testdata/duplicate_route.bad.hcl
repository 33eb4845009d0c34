provider "echo" {}

endpoint "fast" {
  provider = "echo"
}

route "GPT-*" {
  endpoints = ["fast"]
}

route "gpt-*" {
  endpoints = ["fast"]
}

route "gpt-4o" {
  endpoints = ["fast", "fast"]
}
