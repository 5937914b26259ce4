package main

import (
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"
)

const (
	// How often the counts of a track are told, while packets come.
	tellInterval = 200 * time.Millisecond
	// How many packets may be missing before a frame is given up.
	packetsLate = 64
)

// counts is what came of one track.
type counts struct {
	Track string `json:"track"`
	// "video" or "audio".
	Media   string `json:"media"`
	Packets int    `json:"packets"`
	// Whole frames: pictures without a missing packet, packets of sound.
	Frames int `json:"frames"`
	// Of VP8.
	Keyframes int `json:"keyframes"`
	// The picture's size, as the last keyframe says. Of VP8.
	Width  int `json:"width"`
	Height int `json:"height"`
}

// receive counts what comes of a track until it ends.
func receive(track *webrtc.TrackRemote, from *lksdk.RemoteParticipant) {
	seen := counts{Track: track.ID(), Media: track.Kind().String()}
	pictures := samplebuilder.New(packetsLate, &codecs.VP8Packet{}, track.Codec().ClockRate)
	var told time.Time
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		seen.Packets++
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			if seen.Packets == 1 {
				from.WritePLI(track.SSRC())
			}
			pictures.Push(packet)
			for sample := pictures.Pop(); sample != nil; sample = pictures.Pop() {
				seen.picture(sample.Data)
			}
		} else if len(packet.Payload) > 0 {
			seen.Frames++
		}
		if time.Since(told) >= tellInterval {
			told = time.Now()
			now := seen
			emit(event{Kind: "received", Identity: from.Identity(), counts: &now})
		}
	}
}

// picture counts a frame of VP8 (RFC 6386 §9.1).
func (c *counts) picture(frame []byte) {
	c.Frames++
	if len(frame) < 10 || frame[0]&1 != 0 {
		return
	}
	c.Keyframes++
	c.Width = (int(frame[6]) | int(frame[7])<<8) & 0x3fff
	c.Height = (int(frame[8]) | int(frame[9])<<8) & 0x3fff
}
