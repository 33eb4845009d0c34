// Package plugintest holds what the tests of several plugins share: endpoints
// opened over the real wire, fakes of services that record what they got,
// recorded answers of real servers, and the descriptions that services publish.
package plugintest
