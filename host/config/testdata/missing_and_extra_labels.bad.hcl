server "main" {}

provider {}

endpoint "a" "b" {
  provider = "echo"
}

provider "echo" {
  queue "big" {
    size = 5
  }
}
