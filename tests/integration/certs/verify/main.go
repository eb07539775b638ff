// Verifies a server's certificate chain as the API server does, with Go's crypto/x509.
//
// Usage: verify BUNDLE.pem CHAIN.pem HOST
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func readChain(path string) []*x509.Certificate {
	text, err := os.ReadFile(path)
	if err != nil {
		fail(err)
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			fail(err)
		}
		chain = append(chain, certificate)
	}
	return chain
}

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: verify BUNDLE.pem CHAIN.pem HOST"))
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, certificate := range readChain(os.Args[1]) {
		roots.AddCert(certificate)
	}
	chain := readChain(os.Args[2])
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: os.Args[3]}
	if _, err := chain[0].Verify(options); err != nil {
		fail(err)
	}
}
