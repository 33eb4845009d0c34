package plugintest

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// offered are the operations that people who know a service count on, with
// their modes. A plugin may have more.
var offered = map[string]string{
	"openai": "chat* completions* responses* embeddings moderations images.generate* images.edit^ audio.speech^ audio.transcription^ audio.translation^ " +
		"files.upload^ files.list files.get files.content^ files.delete batches.create batches.list batches.get batches.cancel models",
	"openai-mini":  "chat* completions* embeddings models files.upload^ files.list files.get files.content^ files.delete audio.speech^ audio.transcription^ audio.translation^",
	"claude":       "chat* messages* tokens.count models messages.batches.create messages.batches.get messages.batches.results^",
	"gemini":       "chat* generate* embeddings tokens.count models",
	"groq":         "chat* models audio.speech^ audio.transcription^ audio.translation^",
	"hf-tgi":       "chat* completions* generate* tokenize info models",
	"hf-tei":       "embeddings embed_all embed_sparse rerank predict similarity tokenize info",
	"vllm":         "chat* completions* responses* embeddings score rerank pooling classify tokenize detokenize lora.load lora.unload lora.list health version metrics models",
	"ollama":       "chat* generate* embeddings models show ps pull* delete copy",
	"ollama-clean": "chat* completions* embeddings models",
	"ovms":         "infer infer.binary^ predict model.metadata model.status model.ready server.ready chat* completions* embeddings rerank config.status config.reload",
	"s3-kit":       "object.put^ object.get^ object.head object.list object.delete object.copy object.presign bucket.list bucket.create",
	"llvm":         "infer infer.batch chat models model.info",
	"echo":         "chat*",
}

// A plugin that also starts its server has the operations of the one that does
// not, and these.
const ofServers = " server.start* server.stop server.restart* server.status server.logs"

// TestEachPluginOffersWhatItsServiceCanDo asks the binaries themselves.
func TestEachPluginOffersWhatItsServiceCanDo(t *testing.T) {
	t.Parallel()
	for _, name := range pluginNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := offered[name]
			if plain, unified := strings.CutSuffix(name, "-unified"); unified {
				want = offered[plain] + ofServers
			}
			if want == "" {
				t.Fatal("the list of operations does not have this plugin")
			}
			m := describe(t, name)
			for op := range strings.FieldsSeq(want) {
				bare := strings.TrimRight(op, "*^")
				modes := map[string][]provider.Mode{
					bare: {provider.ModeCall}, bare + "*": {provider.ModeCall, provider.ModeStream}, bare + "^": {provider.ModeTransfer},
				}[op]
				got, declared := m.Operation(bare)
				if !declared || !slices.Equal(got.Modes, modes) {
					t.Errorf("%s is offered in the modes %q, want %q", bare, got.Modes, modes)
				}
			}
		})
	}
}

// TestEveryPluginHasAnAddressToSet looks into what the plugins say of themselves.
func TestEveryPluginHasAnAddressToSet(t *testing.T) {
	t.Parallel()
	for _, name := range pluginNames(t) {
		if name == "echo" {
			continue // there is no service behind it
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !slices.ContainsFunc(describe(t, name).Settings.Attributes, func(a schema.Attribute) bool {
				return (a.Name == "base_url" || a.Name == "endpoint") && a.Type == schema.String
			}) {
				t.Error("there is no setting base_url")
			}
		})
	}
}

// describe runs a plugin's own subcommand of this name.
func describe(t *testing.T, name string) provider.Manifest {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(built(t), binaryPrefix+name), "describe").Output()
	if err != nil {
		t.Fatal(err)
	}
	var m provider.Manifest
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
