provider "Open AI" {}

provider "echo" {}

endpoint "my endpoint" {
  provider = "echo"
}

endpoint "all" {
  provider = "echo"
}

route "[gpt]" {
  endpoints = ["my endpoint"]
}
