provider "echo" {}

endpoint "retry" {
  provider = "echo"
  timeout  = "5s"
  retry {
    initial_delay = "5s"
  }
}

endpoint "hedge" {
  provider        = "echo"
  attempt_timeout = "2s"
  hedge {
    enabled   = true
    min_delay = "3s"
  }
}
