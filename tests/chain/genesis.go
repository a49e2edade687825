// Owns genesis.json beyond the modules' own defaults: the sections of modules that only irita has, and the commands that
// put the root certificate, accounts and validators into the file.

package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/bianjieai/iritamod/modules/genutil"
	"github.com/bianjieai/iritamod/modules/node"
	nodecli "github.com/bianjieai/iritamod/modules/node/client/cli"
	"github.com/bianjieai/iritamod/modules/perm"
	"github.com/bianjieai/iritamod/utils/ca"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	"github.com/cosmos/cosmos-sdk/server"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/spf13/cobra"
	"github.com/tendermint/tendermint/crypto/tmhash"
)

//go:embed foreign.json
var foreignJSON []byte

// foreign is a module that exists in the genesis file only: its default section is written and never read.
type foreign struct {
	genutil.AppModuleBasic
	name  string
	state json.RawMessage
}

func (f foreign) Name() string                                   { return f.name }
func (f foreign) DefaultGenesis(codec.JSONCodec) json.RawMessage { return f.state }
func (foreign) RegisterInterfaces(codectypes.InterfaceRegistry)  {}
func (foreign) ValidateGenesis(codec.JSONCodec, client.TxEncodingConfig, json.RawMessage) error {
	return nil
}

func foreignModules() (modules []module.AppModuleBasic) {
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(foreignJSON, &sections); err != nil {
		panic(err)
	}
	for name, state := range sections {
		modules = append(modules, foreign{name: name, state: state})
	}
	return modules
}

// editGenesis reads the genesis file, lets edit change its app_state and writes it back.
func editGenesis(cmd *cobra.Command, edit func(cdc codec.Codec, state map[string]json.RawMessage) error) error {
	ctx := client.GetClientContextFromCmd(cmd)
	file := server.GetServerContextFromCmd(cmd).Config.GenesisFile()
	state, doc, err := genutil.GenesisStateFromGenFile(file)
	if err != nil {
		return fmt.Errorf("failed to unmarshal genesis state: %w", err)
	}
	if err := edit(ctx.Codec, state); err != nil {
		return err
	}
	if doc.AppState, err = json.Marshal(state); err != nil {
		return fmt.Errorf("failed to marshal application genesis state: %w", err)
	}
	return genutil.ExportGenesisFile(doc, file)
}

func setRootCertCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set-root-cert [certificate-file]",
		Short: "Set root certificate in the genesis",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cert, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			if _, err := ca.ReadCertificateFromMem(cert); err != nil {
				return err
			}
			return editGenesis(cmd, func(cdc codec.Codec, state map[string]json.RawMessage) error {
				nodes := node.GetGenesisStateFromAppState(cdc, state)
				nodes.RootCert = string(cert)
				state[node.ModuleName] = cdc.MustMarshalJSON(&nodes)
				return nil
			})
		},
	}
	cmd.Flags().String(flags.FlagHome, defaultHome, "The application home directory")
	return cmd
}

func addGenesisAccountCmd() *cobra.Command {
	const rootAdmin = "root-admin"
	cmd := &cobra.Command{
		Use:   "add-genesis-account [address_or_key_name] [coin][,[coin]]",
		Short: "Add a genesis account to genesis.json",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			address, err := sdk.AccAddressFromBech32(args[0])
			if err != nil {
				// irita looks the name up in a keyring without a folder, which never works.
				return errors.New("failed to get address from Keybase: No directory provided for file keyring")
			}
			coins, err := sdk.ParseCoinsNormalized(args[1])
			if err != nil {
				return fmt.Errorf("failed to parse coins: %w", err)
			}
			root, err := cmd.Flags().GetBool(rootAdmin)
			if err != nil {
				return err
			}
			return editGenesis(cmd, func(cdc codec.Codec, state map[string]json.RawMessage) error {
				return addAccount(cdc, state, address, coins, root)
			})
		},
	}
	cmd.Flags().String(flags.FlagHome, defaultHome, "The application home directory")
	cmd.Flags().Bool(rootAdmin, false, "set the account as root admin")
	flags.AddQueryFlagsToCmd(cmd)
	return cmd
}

func addAccount(cdc codec.Codec, state map[string]json.RawMessage, address sdk.AccAddress, coins sdk.Coins, root bool) error {
	auth := authtypes.GetGenesisStateFromAppState(cdc, state)
	accounts, err := authtypes.UnpackAccounts(auth.Accounts)
	if err != nil {
		return err
	}
	if accounts.Contains(address) {
		return fmt.Errorf("cannot add account at existing address %s", address)
	}
	accounts = authtypes.SanitizeGenesisAccounts(append(accounts, authtypes.NewBaseAccount(address, nil, 0, 0)))
	if auth.Accounts, err = authtypes.PackAccounts(accounts); err != nil {
		return err
	}
	state[authtypes.ModuleName] = cdc.MustMarshalJSON(&auth)

	bank := banktypes.GetGenesisStateFromAppState(cdc, state)
	bank.Balances = banktypes.SanitizeGenesisBalances(append(bank.Balances, banktypes.Balance{Address: address.String(), Coins: coins.Sort()}))
	bank.Supply = bank.Supply.Add(coins...)
	state[banktypes.ModuleName] = cdc.MustMarshalJSON(bank)

	if root {
		var roles perm.GenesisState
		cdc.MustUnmarshalJSON(state[perm.ModuleName], &roles)
		roles.RoleAccounts = append(roles.RoleAccounts, perm.RoleAccount{Address: address.String(), Roles: []perm.Role{perm.RoleRootAdmin}})
		state[perm.ModuleName] = cdc.MustMarshalJSON(&roles)
	}
	return setEVMDenom(state)
}

// setEVMDenom does the one thing that irita's command does to a section of a module that this chain does not have.
func setEVMDenom(state map[string]json.RawMessage) error {
	var evm, params map[string]json.RawMessage
	if err := json.Unmarshal(state["evm"], &evm); err != nil {
		return err
	}
	if err := json.Unmarshal(evm["params"], &params); err != nil {
		return err
	}
	params["evm_denom"] = json.RawMessage(`"ugas"`)
	var err error
	if evm["params"], err = json.Marshal(params); err != nil {
		return err
	}
	state["evm"], err = json.Marshal(evm)
	return err
}

func addGenesisValidatorCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add-genesis-validator",
		Short: "Add a validator to genesis.json",
		Long: "This command is an alias of the 'tx validator create' command'.\n\n" +
			"It creates a genesis transaction to create a validator.\nThe following default parameters are included:\n\t\n\tpower:\t\t100\n",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text := func(name string) string { value, _ := cmd.Flags().GetString(name); return value }
			power, err := cmd.Flags().GetInt64(nodecli.FlagPower)
			if err != nil {
				return err
			}
			if _, _, err := genutil.InitializeNodeValidatorFiles(server.GetServerContextFromCmd(cmd).Config); err != nil {
				return err
			}
			key, err := client.GetClientContextFromCmd(cmd).Keyring.Key(text(flags.FlagFrom))
			if err != nil {
				return err
			}
			pem, err := os.ReadFile(text(nodecli.FlagCert))
			if err != nil {
				return err
			}
			cert, err := ca.ReadCertificateFromMem(pem)
			if err != nil {
				return err
			}
			tmKey, err := ca.GetPubkeyFromCert(cert)
			if err != nil {
				return err
			}
			pubkey, err := cryptocodec.FromTmPubKeyInterface(tmKey)
			if err != nil {
				return err
			}
			operator := key.GetAddress()
			msg := node.NewMsgCreateValidator(text(nodecli.FlagName), text(nodecli.FlagDescription), string(pem), power, operator)
			if err := msg.ValidateBasic(); err != nil {
				return err
			}
			added := node.NewValidator(tmhash.Sum(msg.GetSignBytes()), msg.Name, msg.Description, pubkey, msg.Certificate, power, operator)
			return editGenesis(cmd, func(cdc codec.Codec, state map[string]json.RawMessage) error {
				ctx := client.GetClientContextFromCmd(cmd)
				if err := basics.ValidateGenesis(cdc, ctx.TxConfig, state); err != nil {
					return fmt.Errorf("failed to validate genesis state: %w", err)
				}
				nodes := node.GetGenesisStateFromAppState(cdc, state)
				nodes.Validators = append(nodes.Validators, added)
				if err := node.ValidateGenesis(nodes); err != nil {
					return fmt.Errorf("failed to validate genesis state: %w", err)
				}
				state[node.ModuleName] = cdc.MustMarshalJSON(&nodes)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.String(flags.FlagHome, defaultHome, "The application home directory")
	f.String(flags.FlagFrom, "", "Name or address of private key with which to sign")
	f.String(flags.FlagKeyringBackend, flags.DefaultKeyringBackend, "Select keyring's backend (os|file|kwallet|pass|test)")
	f.String(flags.FlagKeyringDir, "", "The client Keyring directory; if omitted, the default 'home' directory will be used")
	f.String(nodecli.FlagName, "", "The name of the validator")
	f.String(nodecli.FlagCert, "", "The certificate file path of the validator identity")
	f.Int64(nodecli.FlagPower, 100, "The power of the validator")
	f.String(nodecli.FlagDescription, "", "The validator's (optional) details")
	f.String(nodecli.FlagIP, "", "The node's public IP")
	f.String(nodecli.FlagNodeID, "", "The node's ID")
	return cmd
}
