package main

import (
	"crypto/md5" //nolint:gosec // S3's ETags are made of it
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// store is a fake of an S3 service: it keeps objects in memory, has buckets and
// multipart uploads, and checks that requests are signed, but not how.
type store struct {
	mu      sync.Mutex
	objects map[string]kept // by bucket/key
	uploads map[string]map[int][]byte
	log     []string
	serial  int
}

type kept struct {
	data   []byte
	header http.Header
}

func newStore() *store {
	return &store{objects: map[string]kept{}, uploads: map[string]map[int][]byte{}}
}

// lines are the requests that arrived: method and path, query where it counts.
func (s *store) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ServeHTTP implements [http.Handler].
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: nothing is stored
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r.Method+" "+r.URL.RequestURI())
	if !strings.HasPrefix(r.Header.Get("Authorization"), algorithm+" Credential="+testKey+"/") {
		refuse(w, 403, "AccessDenied", "Access Denied")
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	bucket, key, _ := strings.Cut(path, "/")
	q := r.URL.Query()
	switch {
	case bucket == "":
		answer(w, `<ListAllMyBucketsResult><Owner><ID>o</ID></Owner><Buckets><Bucket><Name>photos</Name><CreationDate>2026-11-23T07:06:04Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>`)
	case key == "" && r.Method == http.MethodGet:
		s.list(w, bucket, q)
	case key == "" && r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case key == "":
		w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
	case q.Has("uploads") || q.Has("uploadId"):
		s.multipart(w, r, path, q, data)
	default:
		s.object(w, r, path, data)
	}
}

func (s *store) object(w http.ResponseWriter, r *http.Request, path string, data []byte) {
	o, there := s.objects[path]
	switch {
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		source, _ := url.PathUnescape(strings.TrimPrefix(r.Header.Get("X-Amz-Copy-Source"), "/"))
		s.objects[path] = s.objects[source]
		answer(w, `<CopyObjectResult><ETag>"copied"</ETag><LastModified>2026-11-23T07:06:04Z</LastModified></CopyObjectResult>`)
	case r.Method == http.MethodPut:
		s.objects[path] = kept{data, r.Header.Clone()}
		w.Header().Set("ETag", tagOf(data))
	case r.Method == http.MethodDelete:
		delete(s.objects, path)
		w.WriteHeader(http.StatusNoContent)
	case !there:
		refuse(w, 404, "NoSuchKey", "The specified key does not exist.")
	default:
		for name, values := range o.header {
			if strings.HasPrefix(name, "X-Amz-Meta-") || strings.HasPrefix(name, "X-Amz-Checksum-S") || name == "Content-Type" || name == "Content-Encoding" {
				w.Header()[name] = values
			}
		}
		w.Header().Set("ETag", tagOf(o.data))
		serveRange(w, r, o.data)
	}
}

func serveRange(w http.ResponseWriter, r *http.Request, data []byte) {
	var from, to int
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(data)))
		w.Header().Set("Content-Length", strconv.Itoa(to-from+1))
		w.WriteHeader(http.StatusPartialContent)
		data = data[from : to+1]
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	_, _ = w.Write(data) // a failure is seen by the reader
}

func (s *store) multipart(w http.ResponseWriter, r *http.Request, path string, q url.Values, data []byte) {
	id := q.Get("uploadId")
	parts, there := s.uploads[id]
	switch {
	case q.Has("uploads"):
		s.serial++
		id = "upload-" + strconv.Itoa(s.serial)
		s.uploads[id] = map[int][]byte{}
		answer(w, "<InitiateMultipartUploadResult><UploadId>"+id+"</UploadId></InitiateMultipartUploadResult>")
	case !there:
		refuse(w, 404, "NoSuchUpload", "The specified upload does not exist.")
	case r.Method == http.MethodDelete:
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		number, _ := strconv.Atoi(q.Get("partNumber"))
		parts[number] = data
		w.Header().Set("ETag", tagOf(data))
	default:
		var in struct {
			Part []struct {
				PartNumber int
				ETag       string
			}
		}
		var all []byte
		err := xml.Unmarshal(data, &in)
		for i, p := range in.Part {
			if p.PartNumber != i+1 || p.ETag != tagOf(parts[p.PartNumber]) || i < len(in.Part)-1 && len(parts[p.PartNumber]) < minPart {
				err = io.ErrUnexpectedEOF
			}
			all = append(all, parts[p.PartNumber]...)
		}
		if err != nil || len(in.Part) == 0 {
			refuse(w, 400, "InvalidPart", "One or more of the specified parts could not be found.")
			return
		}
		s.objects[path] = kept{data: all, header: http.Header{}}
		delete(s.uploads, id)
		answer(w, fmt.Sprintf("\n<CompleteMultipartUploadResult><ETag>\"all-%d\"</ETag></CompleteMultipartUploadResult>", len(in.Part)))
	}
}

func (s *store) list(w http.ResponseWriter, bucket string, q url.Values) {
	limit := 1000
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		limit = n
	}
	var b strings.Builder
	more, last, n := false, "", 0
	for _, path := range slices.Sorted(maps.Keys(s.objects)) {
		key, ok := strings.CutPrefix(path, bucket+"/")
		if !ok || !strings.HasPrefix(key, q.Get("prefix")) || key <= q.Get("continuation-token") {
			continue
		}
		if n++; n > limit {
			more = true
			break
		}
		last = key
		fmt.Fprintf(&b, "<Contents><Key>%s</Key><Size>%d</Size><ETag>%s</ETag></Contents>", url.QueryEscape(key), len(s.objects[path].data), "&#34;t&#34;")
	}
	if more {
		b.WriteString("<NextContinuationToken>" + last + "</NextContinuationToken>")
	}
	answer(w, fmt.Sprintf("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>%t</IsTruncated>%s</ListBucketResult>", more, b.String()))
}

func tagOf(data []byte) string {
	sum := md5.Sum(data) //nolint:gosec // as above
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func answer(w http.ResponseWriter, document string) {
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, xml.Header+document) // a failure is seen by the reader
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, errorXML(code, message)) // a failure is seen by the reader
}

func errorXML(code, message string) string {
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(message)) // never fails
	return xml.Header + "<Error><Code>" + code + "</Code><Message>" + text.String() + "</Message><RequestId>REQ1</RequestId><HostId>h</HostId></Error>"
}
