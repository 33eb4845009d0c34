provider "echo" {}

endpoint "fast" {
  provider = "echo"
  queue    = { size = 5 }
  timeout {
    total = "60s"
  }
}
