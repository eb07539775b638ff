// Verifies a server's certificate chain as the API server does, or a client's, with Go's crypto/x509.
//
// Usage: verify BUNDLE.pem CHAIN.pem HOST
//
//	verify -client BUNDLE.pem CHAIN.pem
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
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	arguments := os.Args[1:]
	if len(arguments) != 3 {
		fail(fmt.Errorf("usage: verify BUNDLE.pem CHAIN.pem HOST, or verify -client BUNDLE.pem CHAIN.pem"))
	}
	if arguments[0] == "-client" {
		options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		arguments = arguments[1:]
	} else {
		options.DNSName = arguments[2]
	}
	for _, certificate := range readChain(arguments[0]) {
		options.Roots.AddCert(certificate)
	}
	chain := readChain(arguments[1])
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(options); err != nil {
		fail(err)
	}
}
