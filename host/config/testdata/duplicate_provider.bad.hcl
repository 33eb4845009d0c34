provider "echo" {}
provider "echo" {}
