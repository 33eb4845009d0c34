provider "echo" {
  queue { size = 100  max_concurrent = 5 }
}
