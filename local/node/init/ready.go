package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// The certificate is not checked: the answer only decides when the next process starts.
var probeClient = &http.Client{
	Timeout: 5 * time.Second,
	Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	},
}

// probe asks once; nil means ready.
func probe(ctx context.Context, check Check) error {
	switch {
	case check.HTTP != "":
		return probeHTTP(ctx, check.HTTP)
	case check.TCP != "":
		return probeSocket(ctx, "tcp", check.TCP)
	case check.Unix != "":
		return probeSocket(ctx, "unix", check.Unix)
	}
	return nil
}

func probeSocket(ctx context.Context, network, address string) error {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return connection.Close()
}

func probeHTTP(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := probeClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 300))
	return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
}
