provider "echo" {}

endpoint "fast" {
  provider = "echo"
}

endpoint "slow" {
  provider = "echo"
}

route "typo" {
  endpoints = ["fast", "slow"]
  balance   = "weighted"
  weights   = { fast = 3, slwo = 1 }
}

route "no-count" {
  endpoints = ["fast", "slow"]
  balance   = "weighted"
  weights   = { fast = 0.5, slow = -1 }
}

route "too-much" {
  endpoints = ["fast", "slow"]
  balance   = "weighted"
  weights   = { fast = 1000001, slow = "many" }
}

route "without-effect" {
  endpoints = ["fast", "slow"]
  weights   = { fast = 3 }
}

route "nothing-left" {
  endpoints = ["fast", "slow"]
  balance   = "weighted"
  weights   = { fast = 0, slow = 0 }
}

route "unknown-balance" {
  endpoints = ["fast", "slow"]
  balance   = "wieghted"
}
