package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/hf/tgi/tgitest"
	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: tgitest.Profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", tgitest.Profile())
}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

const (
	chat     = `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],"max_tokens":5}`
	generate = `{"inputs":"My name is","parameters":{"max_new_tokens":3,"stop":["END"],"temperature":0.7,"top_p":0.95,"top_k":50,"repetition_penalty":1.1}}`
)

func TestTheServersOwnDescriptionTakesTheRequests(t *testing.T) {
	t.Parallel()
	spec := plugintest.LoadSpec("hf_tgi/openapi.json")
	s := plugintest.NewService(t, tgitest.Profile().Service.Handler.ServeHTTP, func(r *http.Request, body []byte) { spec.CheckRequest(t, r, body) })
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL}, "")
	for op, body := range map[string]string{provider.OpChat: chat, "generate": generate, "tokenize": generate, "chat_tokenize": chat, "info": `{}`} {
		if _, err := conn.Call(t.Context(), plugintest.Request(op, body)); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	for op, body := range map[string]string{provider.OpChat: chat, "generate": generate} {
		got, err := plugintest.Stream(t, conn, plugintest.Request(op, body))
		if err != nil || len(got.Chunks) < 2 {
			t.Errorf("%s: got %+v, %v", op, got, err)
		}
	}
}

func TestAHostedModelIsAskedByAPromptMadeHere(t *testing.T) {
	t.Parallel()
	s := plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Stream bool }
		if json.NewDecoder(r.Body).Decode(&in) == nil && in.Stream {
			plugintest.WriteParts(w, "text/event-stream",
				"data:{\"index\":1,\"token\":{\"id\":1,\"text\":\"Hello\",\"logprob\":0,\"special\":false},\"generated_text\":null,\"details\":null}\n\n",
				"data:{\"index\":2,\"token\":{\"id\":2,\"text\":\"<|im_end|>\",\"logprob\":0,\"special\":true},\"generated_text\":\"Hello\",\"details\":{\"finish_reason\":\"eos_token\",\"generated_tokens\":2,\"input_length\":9}}\n\n")
			return
		}
		plugintest.Write(w, http.StatusOK, "application/json", `[{"generated_text":"Hello"}]`)
	}, nil)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL + "/models", "hosted": true, "chat_template": "auto"}, "hf_Abc123Abc123Abc123")
	body := `{"model":"Qwen/Qwen2.5-3B-Instruct",` + chat[1:]
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, body))
	if err != nil || !strings.Contains(string(got.Body), `"content":"Hello"`) {
		t.Fatalf("got %+v, %v", got, err)
	}
	sent := <-s.Requests
	if sent.Line() != "POST /models/Qwen/Qwen2.5-3B-Instruct" || !strings.Contains(sent.Body, `\u003c|im_start|\u003esystem\nBe brief.`) && !strings.Contains(sent.Body, `<|im_start|>system\nBe brief.`) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	streamed, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, body))
	if err != nil || streamed.Finish.Reason != "stop" || *streamed.Finish.Usage != (provider.Usage{Input: 9, Output: 2, Total: 11}) || !strings.Contains(strings.Join(streamed.Chunks, ""), `"content":"Hello"`) {
		t.Errorf("got %+v, %v", streamed, err)
	}
	if st := status(t, must(conn.Call(t.Context(), plugintest.Request(managed.OpStatus, `{}`)))); st.Mode != "hosted" || st.State != managed.External {
		t.Errorf("got %+v", st)
	}
	_, err = conn.Call(t.Context(), plugintest.Request(managed.OpStart, `{}`))
	if e := plugintest.WantError(t, err, provider.CodeConflict); !strings.Contains(e.Message, "hosted") {
		t.Errorf("got %v", e)
	}
}

func must(resp *provider.Response, err error) []byte {
	if err != nil {
		return []byte(err.Error())
	}
	return resp.Body
}

func status(t *testing.T, body []byte) managed.Status {
	t.Helper()
	var st managed.Status
	if err := json.Unmarshal(body, &st); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return st
}

func TestAServerIsStartedForTheFirstCall(t *testing.T) {
	t.Parallel()
	for name, template := range map[string]string{"by its own template": "server", "by a prompt made here": "chatml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := plugintest.Open(t, New(), plugintest.Settings{
				"base_url": "http://127.0.0.1:" + managedtest.FreePort(t), "chat_template": template,
				"server": plugintest.Settings{
					"mode": "process", "model": "org/m", "runtime_dir": managedtest.Dir(t), "health_interval": "50ms",
					"process": plugintest.Settings{"command": managedtest.Command(t, "--load", "200ms")},
				},
			}, "")
			_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"messages":[{"role":"user","content":"hi"}]}`))
			if template == "server" && err != nil { // the fake speaks OpenAI's dialect alone
				t.Error(err)
			} else if template != "server" {
				plugintest.WantError(t, err, provider.CodeProtocol)
			}
			if st := status(t, must(conn.Call(t.Context(), plugintest.Request(managed.OpStatus, `{}`)))); st.State != managed.Ready || st.PID == 0 {
				t.Errorf("got %+v", st)
			}
			if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
				t.Error(err)
			}
			if err := conn.CloseEndpoint(t.Context(), "e"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheModelOfTheServerIsNoAdapter(t *testing.T) {
	t.Parallel()
	port := managedtest.FreePort(t)
	raw, err := json.Marshal(plugintest.Settings{"base_url": "http://127.0.0.1:" + port, "server": plugintest.Settings{
		"mode": "process", "runtime_dir": managedtest.Dir(t), "health_interval": "50ms", "process": plugintest.Settings{"command": managedtest.Command(t)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	full, _ := New().Describe().Settings.Check(raw)
	conn := providertest.Dial(t, New())
	diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Revision: 1, Model: "org/m", Settings: provider.NewSettings(full)})
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
	for asked, want := range map[string]string{"": "tgi", "org/m": "tgi", "org/lora": "org/lora"} {
		req := plugintest.Request(provider.OpChat, `{"messages":[{"role":"user","content":"hi"}]}`)
		req.Model = asked
		got := string(must(conn.Call(t.Context(), req)))
		if !strings.Contains(got, `"model":"`+want+`"`) { // the fake says back what it was asked for
			t.Errorf("asked for %q: got %s", asked, got)
		}
	}
}

func TestAHostedModelHasNoServerToStart(t *testing.T) {
	t.Parallel()
	_, diags := plugintest.TryOpen(t, New(), plugintest.Settings{"hosted": true, "server": plugintest.Settings{"mode": "process", "model": "m"}}, "")
	if len(diags) != 1 || diags[0].Path != "server.mode" {
		t.Errorf("got %+v", diags)
	}
}

func TestAContainerIsStartedAsTheServerDocuments(t *testing.T) {
	t.Parallel()
	d := managedtest.NewDocker(t, family.Image)
	port := managedtest.FreePort(t)
	conn := plugintest.Open(t, New(), plugintest.Settings{
		"base_url": "http://127.0.0.1:" + port,
		"server": plugintest.Settings{
			"mode": "container", "model": "org/m", "runtime_dir": managedtest.Dir(t), "health_interval": "50ms",
			"args": []string{"--quantize", "awq", "--lora-adapters", "org/lora"}, "container": plugintest.Settings{"docker_host": d.Host, "gpus": "device=0"},
		},
	}, "")
	resp := must(conn.Call(t.Context(), plugintest.Request(managed.OpStart, `{"wait":true}`)))
	if st := status(t, resp); st.State != managed.Ready || st.Image != family.Image {
		t.Fatalf("got %s", resp)
	}
	c := d.All()[0].Config
	if got := strings.Join(c.Cmd, " "); got != "--model-id org/m --hostname 0.0.0.0 --port 80 --quantize awq --lora-adapters org/lora" {
		t.Errorf("got the arguments %s", got)
	}
	if b := c.HostConfig.PortBindings["80/tcp"]; len(b) != 1 || b[0].HostPort != port || b[0].HostIP != "127.0.0.1" {
		t.Errorf("got %+v", c.HostConfig)
	}
	if st := status(t, must(conn.Call(t.Context(), plugintest.Request(managed.OpStop, `{}`)))); st.State != managed.Stopped || len(d.All()) != 0 {
		t.Errorf("got %+v and %d containers", st, len(d.All()))
	}
}
