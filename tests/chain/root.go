// Owns the command line: which commands there are, where they keep things and which flags `start` takes.

package main

import (
	"os"
	"path/filepath"
	"strings"

	genutilcli "github.com/bianjieai/iritamod/modules/genutil/client/cli"
	"github.com/cosmos/cosmos-sdk/client"
	clientconfig "github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/debug"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/keys"
	"github.com/cosmos/cosmos-sdk/client/rpc"
	"github.com/cosmos/cosmos-sdk/server"
	authcli "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/crisis"
	"github.com/spf13/cobra"
)

// iritaVersion is the release that this chain stands in for.
const iritaVersion = "3.2.2-wenchangchain"

var defaultHome = homeOrPanic()

func homeOrPanic() string {
	home, err := os.UserHomeDir()
	if err != nil {
		panic(err)
	}
	return filepath.Join(home, ".irita")
}

func newRootCmd() *cobra.Command {
	encoding := makeEncoding()
	initial := client.Context{}.
		WithCodec(encoding.Marshaler).
		WithInterfaceRegistry(encoding.InterfaceRegistry).
		WithTxConfig(encoding.TxConfig).
		WithLegacyAmino(encoding.Amino).
		WithInput(os.Stdin).
		WithAccountRetriever(authtypes.AccountRetriever{}).
		WithBroadcastMode(flags.BroadcastBlock).
		WithHomeDir(defaultHome).
		WithViper("")
	root := &cobra.Command{
		Use:   "irita",
		Short: "Irita app command",
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			// The keyring is opened before --home is read: client.toml and keys stay in the default home.
			ctx, err := clientconfig.ReadFromClientConfig(initial)
			if err != nil {
				return err
			}
			if err := client.SetCmdClientContextHandler(ctx, cmd); err != nil {
				return err
			}
			template, values := appTOML()
			return server.InterceptConfigsPreRunHandler(cmd, template, values)
		},
	}
	root.AddCommand(
		genutilcli.InitCmd(basics, defaultHome),
		genutilcli.ValidateGenesisCmd(basics),
		genutilcli.GenKey(defaultHome),
		setRootCertCmd(),
		addGenesisAccountCmd(),
		addGenesisValidatorCmd(),
		debug.Cmd(),
		clientconfig.Cmd(),
	)
	server.AddCommands(root, defaultHome, create, export, startFlags)
	root.AddCommand(rpc.StatusCommand(), queryCmd(), txCmd(), keysCmd())
	return root
}

// keysCmd is the SDK's, except that `keys add` reads answers and mnemonics through a buffer of its own, as irita's does:
// a mnemonic and a passphrase in one pipe do not reach it and the keyring both.
func keysCmd() *cobra.Command {
	cmd := keys.Commands(defaultHome)
	for _, add := range cmd.Commands() {
		if add.Name() == "add" {
			add.PreRunE = func(cmd *cobra.Command, _ []string) error {
				// The keyring stands already; an unchanged flag keeps it from being made anew with the second buffer.
				cmd.Flags().Lookup(flags.FlagKeyringBackend).Changed = false
				return client.SetCmdClientContext(cmd, client.GetClientContextFromCmd(cmd).WithInput(os.Stdin))
			}
		}
	}
	return cmd
}

func queryCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "query",
		Aliases:                    []string{"q"},
		Short:                      "Querying subcommands",
		DisableFlagParsing:         true,
		SuggestionsMinimumDistance: 2,
		RunE:                       client.ValidateCmd,
	}
	cmd.AddCommand(
		authcli.GetAccountCmd(),
		rpc.ValidatorCommand(),
		rpc.BlockCommand(),
		authcli.QueryTxsByEventsCmd(),
		authcli.QueryTxCmd(),
	)
	basics.AddQueryCommands(cmd)
	cmd.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")
	return cmd
}

func txCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "tx",
		Short:                      "Transactions subcommands",
		DisableFlagParsing:         true,
		SuggestionsMinimumDistance: 2,
		RunE:                       client.ValidateCmd,
	}
	cmd.AddCommand(
		authcli.GetSignCommand(),
		authcli.GetSignBatchCommand(),
		authcli.GetMultiSignCommand(),
		authcli.GetValidateSignaturesCommand(),
		authcli.GetBroadcastCommand(),
		authcli.GetEncodeCommand(),
		authcli.GetDecodeCommand(),
	)
	basics.AddTxCommands(cmd)
	cmd.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")
	return cmd
}

// startFlags adds what irita's `start` has beyond the SDK's: accepted, and without effect except for crisis.
func startFlags(start *cobra.Command) {
	crisis.AddModuleInitFlags(start)
	f := start.Flags()
	f.Bool("api.enable", false, "Define if the API server should be enabled")
	f.Bool("json-rpc.enable", true, "ignored: this chain has no JSON-RPC")
	f.StringSlice("json-rpc.api", []string{"eth", "net", "web3"}, "ignored")
	f.String("json-rpc.address", "0.0.0.0:8545", "ignored")
	f.String("json-rpc.ws-address", "0.0.0.0:8546", "ignored")
	f.Uint64("json-rpc.gas-cap", 25000000, "ignored")
	f.Float64("json-rpc.txfee-cap", 1, "ignored")
	f.Int32("json-rpc.filter-cap", 200, "ignored")
	f.Duration("json-rpc.evm-timeout", 5e9, "ignored")
	f.Int32("json-rpc.logs-cap", 10000, "ignored")
	f.Int32("json-rpc.block-range-cap", 10000, "ignored")
	f.String("evm.tracer", "", "ignored")
	f.String("tls.certificate-path", "", "ignored")
	f.String("tls.key-path", "", "ignored")
	f.Uint32("wasm.memory_cache_size", 100, "ignored")
	f.Uint64("wasm.query_gas_limit", 3000000, "ignored")
	f.Uint64("wasm.simulation_gas_limit", 0, "ignored")
	run := start.RunE
	start.RunE = func(cmd *cobra.Command, args []string) error {
		logger := server.GetServerContextFromCmd(cmd).Logger
		logger.Info("Unlocking keyring")
		err := run(cmd, args)
		switch {
		case err == nil:
			logger.Info("Bye!")
		case strings.HasPrefix(err.Error(), "failed to initialize database"):
			logger.Error("failed to open DB", "error", err)
		}
		return err
	}
}
