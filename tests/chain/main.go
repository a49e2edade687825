// Owns the program's identity: SM2 everywhere, irita's names, prefixes and version, and the exit codes.

package main

import (
	"os"

	"github.com/cosmos/cosmos-sdk/server"
	servercmd "github.com/cosmos/cosmos-sdk/server/cmd"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/version"
	"github.com/tendermint/tendermint/crypto/algo"
)

func main() {
	// Must come first: every key that is made or read from here on depends on it.
	algo.Algo = algo.SM2

	version.Name, version.AppName, version.Version = "irita", "irita", iritaVersion
	version.Commit = "test-chain"

	config := sdk.GetConfig()
	config.SetBech32PrefixForAccount("iaa", "iap")
	config.SetBech32PrefixForValidator("iva", "ivp")
	config.SetBech32PrefixForConsensusNode("ica", "icp")
	config.Seal()

	if err := servercmd.Execute(newRootCmd(), defaultHome); err != nil {
		if code, ok := err.(server.ErrorCode); ok {
			os.Exit(code.Code)
		}
		os.Exit(1)
	}
}
