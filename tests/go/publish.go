package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// An Ogg page holds one Opus packet of this duration: the clip is made so.
const opusDuration = 20 * time.Millisecond

// loop is a sample provider that plays its samples over and over.
type loop struct {
	lksdk.BaseSampleProvider
	samples []media.Sample
	next    int
}

func (l *loop) NextSample(context.Context) (media.Sample, error) {
	sample := l.samples[l.next%len(l.samples)]
	l.next++
	return sample, nil
}

// CurrentAudioLevel tells the server how loud the sample is, in -dBov: loud enough to be a speaker.
func (l *loop) CurrentAudioLevel() uint8 { return 10 }

// publish sends the clip of a folder as camera and microphone.
func publish(room *lksdk.Room, folder string) error {
	pictures, err := readIVF(filepath.Join(folder, "clip.ivf"))
	if err != nil {
		return err
	}
	sounds, err := readOgg(filepath.Join(folder, "clip.ogg"))
	if err != nil {
		return err
	}
	for _, one := range []struct {
		codec   webrtc.RTPCodecCapability
		samples []media.Sample
		options lksdk.TrackPublicationOptions
	}{
		{webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000}, pictures,
			lksdk.TrackPublicationOptions{Name: "camera", Source: livekit.TrackSource_CAMERA, VideoWidth: 320, VideoHeight: 180}},
		{webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}, sounds,
			lksdk.TrackPublicationOptions{Name: "microphone", Source: livekit.TrackSource_MICROPHONE}},
	} {
		track, err := lksdk.NewLocalTrack(one.codec)
		if err != nil {
			return err
		}
		if err := track.StartWrite(&loop{samples: one.samples}, nil); err != nil {
			return err
		}
		if _, err := room.LocalParticipant.PublishTrack(track, &one.options); err != nil {
			return err
		}
	}
	return nil
}

func readIVF(path string) ([]media.Sample, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, header, err := ivfreader.NewWith(file)
	if err != nil {
		return nil, err
	}
	duration := time.Second * time.Duration(header.TimebaseNumerator) / time.Duration(header.TimebaseDenominator)
	var samples []media.Sample
	for {
		frame, _, err := reader.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		samples = append(samples, media.Sample{Data: frame, Duration: duration})
	}
}

func readOgg(path string) ([]media.Sample, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, _, err := oggreader.NewWith(file)
	if err != nil {
		return nil, err
	}
	var samples []media.Sample
	for {
		packet, page, err := reader.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		// The comment header comes first, at position 0.
		if page.GranulePosition > 0 {
			samples = append(samples, media.Sample{Data: packet, Duration: opusDuration})
		}
	}
}
