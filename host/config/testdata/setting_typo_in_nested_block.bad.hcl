provider "echo" {}

endpoint "fast" {
  provider = "echo"
  queue {
    max_concurent = 5
  }
}
