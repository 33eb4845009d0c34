provider "echo" {}

endpoint "fast" {
  provider = "echo"
}

route "gpt-*" {
  endpoints = ["fats", "fast", "slow"]
}
