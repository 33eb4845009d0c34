server {}
server {}

provider "echo" {}

endpoint "fast" {
  provider = "echo"
  queue {}
  queue {}
  settings {}
  settings {}
}
