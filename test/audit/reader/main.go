// SPDX-License-Identifier: Apache-2.0

// A second reader of exports of the audit log, on the reference code of Go's checksum database (golang.org/x/mod/sumdb) for notes and
// trees. It shares no line with Writ. One JSON request a line on standard input, one answer a line on standard output.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// edit changes a copy of a file in memory: Cut bytes go at Offset and Insert comes there instead.
type edit struct {
	File   string `json:"file"`
	Offset int    `json:"offset"`
	Cut    int    `json:"cut"`
	Insert string `json:"insert"` // hexadecimal
	Remove bool   `json:"remove"`
}

type mutation struct {
	Edits []edit `json:"edits"`
	// Remake makes the manifest anew after the change, as a forger would.
	Remake bool `json:"remake"`
}

type request struct {
	Dir    string    `json:"dir"`
	VKey   string    `json:"vkey"`
	Change *mutation `json:"change"`
	Since  []string  `json:"since"` // checkpoints that somebody kept
}

type answer struct {
	Good  bool           `json:"good"`
	Why   string         `json:"why,omitempty"`
	Sizes map[string]int `json:"sizes,omitempty"`
}

type files map[string][]byte

type fileEntry struct {
	Bytes  int    `json:"bytes"`
	Digest string `json:"digest"`
}

type entryRange struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

type manifest struct {
	Files  map[string]fileEntry  `json:"files"`
	Format string                `json:"format"`
	Logs   map[string]entryRange `json:"logs"`
}

type entry struct {
	V      int             `json:"v"`
	Log    string          `json:"log"`
	Seq    *int64          `json:"seq"`
	Ts     string          `json:"ts"`
	Prev   string          `json:"prev"`
	Action string          `json:"action"`
	Detail json.RawMessage `json:"detail"`
}

type anchor struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

func load(dir string) (files, error) {
	all := files{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	return all, err
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (m *mutation) apply(all files) (files, error) {
	changed := files{}
	for name, b := range all {
		changed[name] = b
	}
	for _, e := range m.Edits {
		if e.Remove {
			delete(changed, e.File)
			continue
		}
		insert, err := hex.DecodeString(e.Insert)
		if err != nil {
			return nil, err
		}
		old := all[e.File]
		b := append([]byte{}, old[:e.Offset]...)
		b = append(b, insert...)
		changed[e.File] = append(b, old[e.Offset+e.Cut:]...)
	}
	if m.Remake {
		var man manifest
		if err := json.Unmarshal(all["manifest.json"], &man); err != nil {
			return nil, err
		}
		man.Files = map[string]fileEntry{}
		for name, b := range changed {
			if name != "manifest.json" {
				man.Files[name] = fileEntry{len(b), digest(b)}
			}
		}
		b, err := json.Marshal(man)
		if err != nil {
			return nil, err
		}
		changed["manifest.json"] = append(b, '\n')
	}
	return changed, nil
}

// checkpointOf opens a signed checkpoint by the key that signs all logs of an installation.
func checkpointOf(b []byte, v note.Verifier) (origin string, tree tlog.Tree, err error) {
	opened, err := note.Open(b, note.VerifierList(v))
	if err != nil {
		return "", tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", tree, fmt.Errorf("a checkpoint has three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return "", tree, fmt.Errorf("size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return "", tree, fmt.Errorf("root %q", lines[2])
	}
	copy(tree.Hash[:], root)
	tree.N = size
	if lines[0] != v.Name() && !strings.HasPrefix(lines[0], v.Name()+"/") {
		return "", tree, fmt.Errorf("%s signs nothing for %s", v.Name(), lines[0])
	}
	return lines[0], tree, nil
}

func groups(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

func tilePath(level string, n int64, width int64) string {
	path := "tile/" + level + "/" + groups(n)
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// hashes is what sumdb stores of a tree: it grows by records and gives every node.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(h)) {
			return nil, fmt.Errorf("no hash %d", at)
		}
		out[i] = h[at]
	}
	return out, nil
}

type checkedLog struct {
	origin string
	tree   tlog.Tree
	stored hashes
}

func checkLog(all files, folder string, v note.Verifier, each func(entry)) (checkedLog, map[string]bool, error) {
	used := map[string]bool{folder + "/checkpoint": true}
	var log checkedLog
	b, ok := all[folder+"/checkpoint"]
	if !ok {
		return log, used, fmt.Errorf("%s: no checkpoint", folder)
	}
	origin, tree, err := checkpointOf(b, v)
	if err != nil {
		return log, used, err
	}
	want := v.Name() + "/" + folder
	if folder == "root" {
		want = v.Name()
	}
	if origin != want {
		return log, used, fmt.Errorf("%s is in the folder %s", origin, folder)
	}
	log = checkedLog{origin: origin, tree: tree}
	prev, ts := strings.Repeat("0", 64), ""
	for n := int64(0); n < tree.N; {
		width := min(256, tree.N-n)
		path := folder + "/" + tilePath("entries", n/256, width)
		used[path] = true
		rest, ok := all[path]
		if !ok {
			return log, used, fmt.Errorf("%s is missing", path)
		}
		for i := int64(0); i < width; i++ {
			if len(rest) < 2 || len(rest) < 2+int(rest[0])<<8+int(rest[1]) {
				return log, used, fmt.Errorf("%s ends in entry %d", path, n)
			}
			length := int(rest[0])<<8 + int(rest[1])
			data := rest[2 : 2+length]
			rest = rest[2+length:]
			var e entry
			if err := json.Unmarshal(data, &e); err != nil {
				return log, used, fmt.Errorf("entry %d: %v", n, err)
			}
			if e.V != 1 || e.Log != origin || e.Seq == nil || *e.Seq != n || e.Prev != prev || e.Ts < ts {
				return log, used, fmt.Errorf("entry %d does not follow", n)
			}
			leaf := tlog.RecordHash(data)
			prev, ts = hex.EncodeToString(leaf[:]), e.Ts
			more, err := tlog.StoredHashesForRecordHash(n, leaf, log.stored)
			if err != nil {
				return log, used, err
			}
			log.stored = append(log.stored, more...)
			each(e)
			n++
		}
		if len(rest) > 0 {
			return log, used, fmt.Errorf("%s goes on after its last entry", path)
		}
	}
	root, err := tlog.TreeHash(tree.N, log.stored)
	if err != nil || root != tree.Hash {
		return log, used, fmt.Errorf("%s: the entries lead to another root", folder)
	}
	for level, rows := 0, tree.N; rows > 0; level, rows = level+1, rows/256 {
		for n := int64(0); n*256 < rows; n++ {
			width := min(256, rows-n*256)
			path := folder + "/" + tilePath(strconv.Itoa(level), n, width)
			used[path] = true
			data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: level, N: n, W: int(width)}, log.stored)
			if err != nil {
				return log, used, err
			}
			if string(all[path]) != string(data) {
				return log, used, fmt.Errorf("%s is not the tile of the tree", path)
			}
		}
	}
	return log, used, nil
}

// looseAnchor opens a proof (c2sp.org/tlog-proof) that the root log holds a checkpoint of another, and gives that root log's tree.
func looseAnchor(b []byte, v note.Verifier) (a anchor, tree tlog.Tree, err error) {
	head, signed, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		return a, tree, fmt.Errorf("not a proof")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(lines[1][len("extra "):])
	if err != nil {
		return a, tree, err
	}
	index, err := strconv.ParseInt(lines[2][len("index "):], 10, 64)
	if err != nil || "index "+strconv.FormatInt(index, 10) != lines[2] {
		return a, tree, fmt.Errorf("index %q", lines[2])
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != tlog.HashSize {
			return a, tree, fmt.Errorf("hash %q", line)
		}
		proof = append(proof, tlog.Hash(h))
	}
	origin, tree, err := checkpointOf([]byte(signed), v)
	if err != nil {
		return a, tree, err
	}
	if origin != v.Name() {
		return a, tree, fmt.Errorf("%s is not the root log", origin)
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(data)); err != nil {
		return a, tree, err
	}
	var e entry
	if err := json.Unmarshal(data, &e); err != nil {
		return a, tree, err
	}
	if e.Log != origin || e.Seq == nil || *e.Seq != index {
		return a, tree, fmt.Errorf("the entry is not number %d of the root log", index)
	}
	return a, tree, json.Unmarshal(e.Detail, &a)
}

func verify(all files, vkey string, since []string) (map[string]int, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	var man manifest
	b := all["manifest.json"]
	if err := json.Unmarshal(b, &man); err != nil {
		return nil, err
	}
	again, err := json.Marshal(man)
	if err != nil || string(again)+"\n" != string(b) || man.Format != "writ-audit-export/1" {
		return nil, fmt.Errorf("manifest of another spelling")
	}
	if len(all) != len(man.Files)+1 {
		return nil, fmt.Errorf("%d files, the manifest names %d", len(all)-1, len(man.Files))
	}
	for name, f := range man.Files {
		content, ok := all[name]
		if !ok || len(content) != f.Bytes || digest(content) != f.Digest {
			return nil, fmt.Errorf("%s is not the file of the manifest", name)
		}
	}
	anchors := map[string][]anchor{}
	vouched := map[string]bool{}
	logs := map[string]checkedLog{}
	var proven []tlog.Tree // of the root log, by proofs out of it
	sizes := map[string]int{}
	left := len(man.Files)
	for folder, r := range man.Logs {
		log, used, err := checkLog(all, folder, v, func(e entry) {
			var a anchor
			if folder == "root" && e.Action == "log.checkpoint" && json.Unmarshal(e.Detail, &a) == nil {
				anchors[a.Origin] = append(anchors[a.Origin], a)
			}
		})
		if err != nil {
			return nil, err
		}
		if r.From != 0 || r.To != log.tree.N {
			return nil, fmt.Errorf("%s: entries %d to %d of %d", folder, r.From, r.To, log.tree.N)
		}
		name := folder + "/anchor.tlog-proof"
		if b, ok := all[name]; ok {
			a, tree, err := looseAnchor(b, v)
			if err != nil {
				return nil, err
			}
			if a.Origin != log.origin {
				return nil, fmt.Errorf("%s is a proof of %s", name, a.Origin)
			}
			proven = append(proven, tree)
			anchors[a.Origin] = append(anchors[a.Origin], a)
			used[name] = true
		}
		left -= len(used)
		logs[folder] = log
		sizes[folder] = int(log.tree.N)
	}
	if left != 0 {
		return nil, fmt.Errorf("%d files that no log has", left)
	}
	if len(logs) == 0 {
		return nil, fmt.Errorf("no log")
	}
	held := map[string]bool{}
	for _, log := range logs {
		held[log.origin] = true
	}
	// Without the root log the proofs are all that is known of it, and they must be out of one and the same.
	if !held[v.Name()] {
		for _, tree := range proven {
			if tree != proven[0] {
				return nil, fmt.Errorf("proofs out of root logs of %d and %d entries", proven[0].N, tree.N)
			}
		}
	} else {
		for _, tree := range proven {
			anchors[v.Name()] = append(anchors[v.Name()], anchor{v.Name(), tree.N, hex.EncodeToString(tree.Hash[:])})
		}
	}
	for origin := range anchors {
		vouched[origin] = true
		if !held[origin] {
			return nil, fmt.Errorf("%s is named by the root log and is not here", origin)
		}
	}
	for _, kept := range since {
		origin, tree, err := checkpointOf([]byte(kept), v)
		if err != nil {
			return nil, err
		}
		if !held[origin] {
			if origin != v.Name() || len(proven) == 0 || proven[0] != tree {
				return nil, fmt.Errorf("nothing here goes on from the checkpoint of %s that was kept", origin)
			}
			continue
		}
		anchors[origin] = append(anchors[origin], anchor{origin, tree.N, hex.EncodeToString(tree.Hash[:])})
	}
	for folder, log := range logs {
		if folder != "root" && !vouched[log.origin] {
			return nil, fmt.Errorf("%s: nothing vouches for it", folder)
		}
		for _, a := range anchors[log.origin] {
			if a.Size < 0 || a.Size > log.tree.N {
				return nil, fmt.Errorf("%s had %d entries", folder, a.Size)
			}
			root, err := tlog.TreeHash(a.Size, log.stored)
			if err != nil || hex.EncodeToString(root[:]) != a.Root {
				return nil, fmt.Errorf("%s: another history of %d entries", folder, a.Size)
			}
		}
	}
	return sizes, nil
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	loaded := map[string]files{}
	for {
		line, err := in.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			break
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		all, ok := loaded[r.Dir]
		if !ok {
			if all, err = load(r.Dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
			loaded[r.Dir] = all
		}
		if r.Change != nil {
			if all, err = r.Change.apply(all); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
		}
		var a answer
		a.Sizes, err = verify(all, r.VKey, r.Since)
		a.Good = err == nil
		if err != nil {
			a.Why = err.Error()
		}
		b, _ := json.Marshal(a)
		out.Write(append(b, '\n'))
		out.Flush()
	}
}
