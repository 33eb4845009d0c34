provider "acme" {
  settings {
    cache = "16 megs"
  }
}

provider "echo" {
  settings {
    anything = 1
  }
}
